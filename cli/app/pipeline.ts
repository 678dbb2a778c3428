/**
 * Composition of the running pipeline: store, engine, loop and local HTTP, put together from the pieces
 * that open.ts knows.
 */

import type { Store } from '../adapters/lake/data-store.ts'
import { systemClock } from '../adapters/process/system-clock.ts'
import type { RegisteredSchema } from '../domain/avro/schema-registry.ts'
import { compileRejectCodec } from '../domain/gate/reject-codec.ts'
import type { Clock } from '../domain/kernel/clock.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../domain/log/topics.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { Pipeline } from '../domain/pipeline/pipeline.ts'
import type { PipelineParts } from '../domain/pipeline/pipeline-ports.ts'
import type { EmbeddedEngine } from '../engines/embedded/engine.ts'
import { manifestLogic, refuseUndeployed } from '../engines/embedded/model-diff.ts'
import type { GoldLimits } from '../engines/embedded/options.ts'
import type { Project } from '../project.ts'
import type { OpenServer } from '../web/live/engine-server.ts'
import { openEngine } from './targets/embedded.ts'
import { openProjectStore, type ProjectStore } from './targets/log.ts'

/** What serves the running engine. */
export type { OpenServer } from '../web/live/engine-server.ts'

/** A running pipeline and what it stands on. */
export interface OpenPipeline {
  readonly pipeline: Pipeline
  readonly engine: EmbeddedEngine
  readonly store: Store
  /** Releases locks, files and memory; the pipeline has ended before. */
  close(): Promise<void>
}

export interface PipelineOpening {
  /** Who runs it, for whoever meets the lock. */
  readonly owner: string
  readonly onNotice: (text: string) => void
  /** It ends by itself: a Kafka that stays away is an error then. */
  readonly isOnce?: boolean
  /** Tells Gold's changes to topics of the log where there are no others; with Kafka they always are. */
  readonly hasGoldTopics?: boolean
  /** That of the project unless given; it is closed with the pipeline. */
  readonly store?: Store
  /** What the loop waits by; the system's unless given. */
  readonly clock?: Clock
  /** Those of a real shop unless given. */
  readonly goldLimits?: GoldLimits
}

/**
 * Opens the embedded pipeline of the local target. Throws CCS_ENGINE_LOCKED while another runs here, and
 * CCS_PLAN_CHANGES when models or schemas are not those that made the present rows.
 */
export async function openPipeline(
  project: Project,
  logic: Logic,
  opening: PipelineOpening,
): Promise<OpenPipeline> {
  const { owner, onNotice, isOnce, store: given, clock = systemClock(), goldLimits } = opening
  const [{ takeEngineLock }, { openRejectWriter }, { Pipeline }, check, ledger, waits] =
    await Promise.all([
      import('../adapters/lake/engine-lock.ts'),
      import('../domain/gate/reject-writer.ts'),
      import('../domain/pipeline/pipeline.ts'),
      import('../domain/lake/startup-check.ts'),
      import('../domain/dlq/replay-ledger.ts'),
      import('../domain/pipeline/outage-handler.ts'),
    ])
  const outage = new waits.OutageHandler(
    clock,
    onNotice,
    isOnce ? { kafkaMs: waits.KAFKA_WAIT_MS } : {},
  )
  const through = <T>(run: () => Promise<T>) => outage.retryWhileUnavailable('write', run)
  const store: ProjectStore = given ?? (await openProjectStore(project, through))
  const closers: (() => Promise<void>)[] = [() => store.log.close()]
  const close = async () => {
    const faults: unknown[] = []
    for (const one of closers.splice(0).reverse()) await one().catch((error) => faults.push(error))
    if (faults.length > 0) throw faults[0]
  }
  try {
    const lock = await takeEngineLock(store.files, store.root, owner)
    closers.push(() => lock.release())
    const manifest = await store.manifests.load()
    refuseUndeployed(logic, manifest)
    if (project.target.kafka) await refuseNoTopic(store, project)
    if (manifest) await store.lake.finalize(manifest)
    const unchecked = manifest ? await check.checkNewestFiles(store.lake, manifest, clock) : []
    const lakePath = (file: Manifest['files'][number]) => store.lake.path(file)
    // More are put into it while it runs.
    const rawSchemas = [...logic.rawSchemas]
    const engine = await openEngine(project, { ...logic, rawSchemas }, store, {
      lakePath,
      ...(manifest ? { manifest } : {}),
      ...(goldLimits ? { goldLimits } : {}),
    })
    closers.push(() => engine.close())
    store.fault?.watch({ engine, lake: store.lake, manifests: store.manifests })
    const rejects = await openRejectWriter(store.log, compileRejectCodec(logic.dlqSchema), {
      owner,
      findOrigins: ledger.createOriginFinder(store.log, clock),
      ...(manifest ? { committed: manifest } : {}),
    })
    closers.push(() => rejects.close())
    const { checkpointEveryMs, checkpointRows } = project.config.engine
    const learnSchemas = await openLearner(project, rawSchemas, clock)
    const pipeline = new Pipeline(
      {
        clock,
        ...(learnSchemas ? { refreshSchemas: learnSchemas } : {}),
        log: store.log,
        engine,
        lake: store.lake,
        manifests: store.manifests,
        writeRejects: (some) => rejects.write(some),
        outage,
        ...(store.tellPositions ? { onCommit: store.tellPositions } : {}),
      },
      {
        topic: RAW_TOPIC,
        checkpointMs: checkpointEveryMs,
        checkpointRows,
        logic: manifestLogic(logic),
        dlqEnd: rejects.replayedEnd,
        onNotice,
        ...(manifest ? { manifest } : {}),
      },
    )
    const { openPublisher } = await import('./publish.ts')
    const parts = { project, logic, store, engine, pipeline, clock, owner, onNotice }
    const hasTopics = opening.hasGoldTopics ?? false
    const publisher = await openPublisher({
      ...parts,
      hasTopics,
      ...(manifest ? { manifest } : {}),
    })
    if (publisher) closers.push(() => publisher.close())
    const beside = { engine: pipeline, clock: systemClock() }
    const checking = check.checkRemainingFiles(store.lake, unchecked, beside)
    closers.push(() => checking.stop())
    return { pipeline, engine, store, close }
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
}

/** undefined where nobody else can register a schema while the engine runs. */
async function openLearner(
  project: Project,
  schemas: RegisteredSchema[],
  clock: Clock,
): Promise<PipelineParts['refreshSchemas']> {
  if (!project.target.kafka) return undefined
  const [{ openRegistry }, { createSchemaRefresher }] = await Promise.all([
    import('./targets/log.ts'),
    import('../domain/pipeline/schema-refresh.ts'),
  ])
  const registry = await openRegistry(project)
  return createSchemaRefresher(schemas, () => registry.versions(subjectFor(RAW_TOPIC)), clock)
}

/** A topic that is not there yet would be waited for in silence. */
async function refuseNoTopic({ log }: ProjectStore, { target }: Project): Promise<void> {
  const { addPrefix } = await import('../domain/config/target.ts')
  for (const topic of [RAW_TOPIC, DLQ_TOPIC]) {
    if ((await log.partitions(topic)).length > 0) continue
    const message = `There is no topic ${addPrefix(target, topic)} on target "${target.name}".`
    throw new CcsError('CCS_KAFKA_TOPIC', message, {
      exit: EXIT.usage,
      hint: `Make what the project needs: ccs deploy --target ${target.name}`,
    })
  }
}

/** Serves the engine's HTTP; other processes find it through the data directory. */
export async function openServer(
  project: Project,
  open: OpenPipeline,
  options: { readonly port: number },
): Promise<OpenServer> {
  const [{ serveEngine }, client, { readStatus }, { openPage }] = await Promise.all([
    import('../web/live/engine-server.ts'),
    import('../engines/embedded/query/engine-client.ts'),
    import('../domain/pipeline/read-status.ts'),
    import('./dash.ts'),
  ])
  const { store, engine, pipeline } = open
  const { log, files, root, manifests } = store
  const status = () =>
    readStatus(log, pipeline.state(), {
      data: root,
      topic: RAW_TOPIC,
      nowMs: Date.now(),
      running: true,
    })
  const query = (sql: string, nowMs: number, signal?: AbortSignal) =>
    engine.query(sql, nowMs, signal)
  const catchUp = () => pipeline.catchUp()
  const page = await openPage(project, {
    log,
    manifests,
    catchUp,
    query,
    status,
    revision: () => engine.counts.records,
  })
  return serveEngine({
    port: options.port,
    page,
    status,
    catchUp,
    commit: () => pipeline.commit(),
    query,
    compact: async (some = {}) => (await import('./lake.ts')).compactBeside(open, some),
    publish: (port) => client.publishEndpoint(files, root, port),
    withdraw: () => client.removeEndpoint(files, root),
  })
}
