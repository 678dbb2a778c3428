/** Composition of the running pipeline: store, engine, loop and publisher. */
import type { Store } from '../adapters/lake/data-store.ts'
import { systemClock } from '../adapters/process/system-clock.ts'
import type { Clock } from '../domain/kernel/clock.ts'
import { RAW_TOPIC, subjectFor } from '../domain/log/topics.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { StartedPipeline } from '../domain/pipeline/start-pipeline.ts'
import type { GoldLimits } from '../engines/embedded/options.ts'
import type { RestartableEngine } from '../engines/embedded/restartable-engine.ts'
import type { Project } from '../project.ts'
import { openPublisher } from './publish.ts'
import { openProjectStore, openRegistry, type ProjectStore } from './targets/log.ts'

/** A running pipeline and what it stands on. Close it after the pipeline has ended. */
export interface OpenPipeline extends StartedPipeline<RestartableEngine> {
  readonly store: Store
  readonly logic: Logic
}

/** How a pipeline is opened. */
export interface PipelineOpening {
  /** Who runs it, for whoever meets the lock. */
  readonly owner: string
  readonly onNotice: (text: string) => void
  /** It ends by itself: a Kafka that stays away is an error then. */
  readonly isOnce?: boolean
  /** Publishes Gold to topics of the log where there are no others; with Kafka it always does. */
  readonly hasGoldTopics?: boolean
  /** That of the project unless given; it is closed with the pipeline. */
  readonly store?: Store
  /** What the loop waits by; the system's unless given. */
  readonly clock?: Clock
  /** Those of a real shop unless given. */
  readonly goldLimits?: GoldLimits
}

/**
 * Opens the embedded pipeline of the local target. Throws CCS_ENGINE_LOCKED while another runs
 * here, and CCS_PLAN_CHANGES when models or schemas are not those that made the present rows.
 */
export async function openPipeline(
  project: Project,
  logic: Logic,
  opening: PipelineOpening,
): Promise<OpenPipeline> {
  const { owner, onNotice, isOnce, goldLimits, clock = systemClock() } = opening
  const { target, config } = project
  const [starting, outages, replays, schemas, locks, access, engines, models, scrubs, lakes, logs] =
    await Promise.all([
      import('../domain/pipeline/start-pipeline.ts'),
      import('../domain/pipeline/outage-handler.ts'),
      import('../domain/dlq/replay-ledger.ts'),
      import('../domain/pipeline/schema-refresh.ts'),
      import('../adapters/lake/engine-lock.ts'),
      import('../adapters/files/private-data.ts'),
      import('../engines/embedded/open-engine.ts'),
      import('../engines/embedded/model-diff.ts'),
      import('../domain/lake/scrub.ts'),
      import('../adapters/lake/scrub-lake.ts'),
      import('../adapters/log/scrub-log.ts'),
    ])
  const { openLogFiles } = await import('../adapters/log/compress-log.ts')
  const kafkaMs = isOnce ? { kafkaMs: outages.KAFKA_WAIT_MS } : {}
  const outage = new outages.OutageHandler(clock, onNotice, kafkaMs)
  const store: ProjectStore =
    opening.store ??
    (await openProjectStore(project, (run) => outage.retryWhileUnavailable('write', run)))
  const { log, lake, manifests } = store
  const rawSchemas = [...logic.rawSchemas] // more are put into it while it runs
  const started = await starting.startPipeline<RestartableEngine>(
    {
      ...{ clock, store, outage },
      takeLock: async () => {
        const lock = await locks.takeEngineLock(store, owner)
        if (config.dataMode === 'private' && (await access.makePrivate(store.root)))
          onNotice(`Other users could read ${store.root}; from now on only you can (data_mode).`)
        return lock
      },
      checkLogic: (manifest) => models.refuseUndeployed(logic, manifest),
      openEngine: async (manifest, failing) => {
        const engine = await engines.openRestartable(project, { ...logic, rawSchemas }, store, {
          ...{ lakePath: (file) => lake.path(file), failing },
          ...(manifest ? { manifest } : {}),
          ...(goldLimits ? { goldLimits } : {}),
        })
        store.fault?.watch({ engine, lake, manifests })
        return engine
      },
      openSchemaRefresher: async () => {
        if (!target.kafka) return undefined
        const registry = await openRegistry(project)
        const subject = subjectFor(RAW_TOPIC)
        return schemas.createSchemaRefresher(rawSchemas, () => registry.versions(subject), clock)
      },
      findOrigins: replays.createOriginFinder(log, clock),
      logFiles: openLogFiles(store),
      openScrub: (loop) =>
        new scrubs.Scrub({
          ...{ clock: systemClock(), progress: store.scrubbed, onNotice, ...loop },
          list: async (pace) => [
            ...(await lakes.listLakeParts(store, pace)),
            ...(target.kafka ? [] : await logs.listSegmentParts(store, pace)),
          ],
        }),
      openPublisher: (parts) => {
        const hasTopics = opening.hasGoldTopics ?? false
        return openPublisher({ ...parts, project, logic, store, clock, owner, onNotice, hasTopics })
      },
    },
    {
      ...{ owner, onNotice, dlqSchemas: logic.dlqSchemas, logic: models.manifestLogic(logic) },
      checkpointMs: config.engine.checkpointEveryMs,
      checkpointRows: config.engine.checkpointRows,
      ...(target.kafka
        ? { target }
        : { retention: config.retention, compressesLog: config.log.compression === 'brotli' }),
    },
  )
  return { ...started, store, logic }
}
