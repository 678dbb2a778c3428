/**
 * Composition of questions: they go to the engine that runs on the data directory, or, when none does, to
 * what was last committed.
 */

import type { Store } from '../adapters/lake/data-store.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import { RAW_TOPIC } from '../domain/log/topics.ts'
import type { PipelineState } from '../domain/pipeline/pipeline-ports.ts'
import type { StatusResult } from '../domain/pipeline/read-status.ts'
import type { QueryResult } from '../domain/sql/query-result.ts'
import type { EmbeddedEngine } from '../engines/embedded/engine.ts'
import { refuseUndeployed } from '../engines/embedded/model-diff.ts'
import type { Project } from '../project.ts'
import { openEngine } from './targets/embedded.ts'
import { openProjectStore, openTargetLogic } from './targets/log.ts'

/** Answers questions: the engine that runs on this data, or what was last committed when none does. */
export interface Answers {
  /** Where the answers come from: the engine's URL, or 'lake'. */
  readonly from: string
  /** When the rows asked for were committed, ISO 8601; null: up to now, or nothing committed yet. */
  readonly asOf: string | null
  /** The signal makes it fail. */
  query(sql: string, signal?: AbortSignal): Promise<QueryResult>
  status(): Promise<StatusResult>
  close(): Promise<void>
}

/** `without` are names of damaged files of the lake that no answer may need. */
export async function openAnswers(
  project: Project,
  without: ReadonlySet<string> = new Set(),
): Promise<Answers> {
  const store = await openProjectStore(project)
  const { findEngine } = await import('../engines/embedded/query/engine-client.ts')
  const running = await findEngine(store.files, store.root)
  if (running)
    return {
      from: running.url,
      asOf: null,
      query: (sql, signal) => running.query(sql, signal),
      status: async () => (await running.get('/status')) as StatusResult, // the engine's own answer
      close: () => store.log.close(),
    }
  return lakeAnswers(project, store, without)
}

async function lakeAnswers(
  project: Project,
  store: Store,
  without: ReadonlySet<string>,
): Promise<Answers> {
  const { readStatus } = await import('../domain/pipeline/read-status.ts')
  const manifest = await store.manifests.load()
  let engine: EmbeddedEngine | undefined
  const open = async () => {
    const logic = await openTargetLogic(project)
    refuseUndeployed(logic, manifest)
    const paths = manifest ? await store.lake.locate(manifest) : new Map<string, string>()
    const files = manifest?.files.filter(({ name }) => !without.has(name)) ?? []
    return openEngine(project, logic, store, {
      lakePath: (file) => paths.get(file.name) ?? `${store.root}/missing/${file.name}`,
      ...(manifest ? { manifest: { ...manifest, files } } : {}),
    })
  }
  return {
    from: 'lake',
    asOf: manifest ? new Date(manifest.committedMs).toISOString() : null,
    query: async (sql, signal) => {
      engine ??= await open()
      return engine.query(sql, Date.now(), signal)
    },
    status: () =>
      readStatus(store.log, committedState(manifest), {
        data: store.root,
        topic: RAW_TOPIC,
        nowMs: Date.now(),
        running: false,
      }),
    close: async () => {
      await engine?.close()
      await store.log.close()
    },
  }
}

function committedState(manifest: Manifest | undefined): PipelineState {
  return {
    positions: manifest?.positions ?? [],
    counts: manifest?.counts ?? { records: 0, bronze: 0, duplicates: 0, dlq: 0, late: 0 },
    watermarkMs: null,
    uncommittedRows: 0,
    committedMs: manifest?.committedMs ?? null,
    serial: manifest?.serial ?? 0,
    newestAppendMs: null,
    stalled: null,
    sources: manifest?.sources ?? [],
    gaps: manifest?.gaps ?? [],
  }
}
