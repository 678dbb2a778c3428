/**
 * Answers queries about a data directory: the engine that runs on it or, if none does, a new engine
 * over what was last committed.
 */
import type { Config } from '../../../domain/config/config.ts'
import type { Manifest } from '../../../domain/lake/manifest.ts'
import type { CopyStatus } from '../../../domain/lake/s3/copy-status.ts'
import { describeScrub, type ScrubProgress } from '../../../domain/lake/scrub.ts'
import { RAW_TOPIC } from '../../../domain/log/topics.ts'
import type { Logic } from '../../../domain/models/logic.ts'
import { type Recorder, recordQuery } from '../../../domain/monitoring/record-history.ts'
import {
  describeCommit,
  readStatus,
  type StatusResult,
} from '../../../domain/pipeline/read-status.ts'
import type { QueryBackend } from '../../../domain/query/failover-query-service.ts'
import type { EmbeddedEngine } from '../engine.ts'
import type { EngineStore } from '../open-engine.ts'
import { findEngine } from './engine-client.ts'

/** Where the data is, and what an engine over it needs. */
export interface AnswersOptions {
  readonly config: Config
  readonly store: Omit<EngineStore, 'lake' | 'checked'> & {
    readonly lake: { locate(manifest: Manifest): Promise<ReadonlyMap<string, string>> }
    readonly checked: EngineStore['checked'] & { saveMarks(): Promise<void> }
    readonly scrubbed: { load(): Promise<ScrubProgress | undefined> }
  }
  /** Opens the logic that made the rows of the commit; called when the first query needs it. */
  readonly openLogic: (manifest: Manifest | undefined) => Promise<Logic>
  /** Names of files of the lake that no answer may need, because they are damaged. */
  readonly without: ReadonlySet<string>
  /** How far the copy of the lake on S3 is; null: there is none. */
  readonly readCopy: () => Promise<CopyStatus | null>
  /** Records what people ask while no engine runs; an engine records it itself. */
  readonly recorder?: Recorder
}

/** The engine ends a query at its time limit. Without an answer so long after that, it hangs. */
const GRACE_MS = 30_000

/** Closes the store's log when it is closed. */
export async function openAnswers(options: AnswersOptions): Promise<QueryBackend> {
  const { files, root, log } = options.store
  const running = await findEngine(files, root)
  if (!running) return openCommitAnswers(options)
  return {
    from: running.url,
    asOf: null,
    query: (sql, control) =>
      running.query(sql, { ...control, waitMs: options.config.query.timeoutMs + GRACE_MS }),
    status: async () => (await running.get('/status')) as StatusResult, // the engine's own answer
    close: () => log.close(),
  }
}

/** Answers from the last commit. Throws CCS_PLAN_CHANGES if other models made its rows. */
async function openCommitAnswers(options: AnswersOptions): Promise<QueryBackend> {
  const { log, root: data, manifests } = options.store
  const manifest = await manifests.load()
  let engine: EmbeddedEngine | undefined
  return {
    from: 'lake',
    asOf: manifest ? new Date(manifest.committedMs).toISOString() : null,
    query: async (sql, control) => {
      engine ??= await openCommit(options, manifest)
      const opened = engine
      const run = () => opened.query(sql, Date.now(), control)
      return recordQuery(options.recorder, sql, control?.door, run, ({ rows }) => rows.length)
    },
    status: () => {
      const scrub = options.store.scrubbed.load().then((one) => describeScrub(one))
      const s3 = options.readCopy()
      const about = { data, topic: RAW_TOPIC, nowMs: Date.now(), running: false, scrub, s3 }
      return readStatus(log, describeCommit(manifest), about)
    },
    close: async () => {
      if (engine) await options.store.checked.saveMarks()
      await engine?.close()
      await log.close()
      await options.recorder?.history.flush()
    },
  }
}

async function openCommit(
  { config, store, openLogic, without }: AnswersOptions,
  manifest: Manifest | undefined,
): Promise<EmbeddedEngine> {
  const [{ openEngine }, { refuseUndeployed }] = await Promise.all([
    import('../open-engine.ts'),
    import('../model-diff.ts'),
  ])
  const logic = await openLogic(manifest)
  refuseUndeployed(logic, manifest)
  const paths = manifest ? await store.lake.locate(manifest) : new Map<string, string>()
  const files = manifest?.files.filter(({ name }) => !without.has(name)) ?? []
  return openEngine({ config }, logic, store, {
    lakePath: (file) => paths.get(file.name) ?? `${store.root}/missing/${file.name}`,
    ...(manifest ? { manifest: { ...manifest, files } } : {}),
  })
}
