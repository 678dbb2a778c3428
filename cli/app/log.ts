/** Composition of the commands on the log of a data directory: checking, repairing, pruning it. */
import type { LogRepairResult } from '../domain/dlq/plan-log-repair.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import type { PruneResult } from '../domain/lake/prune.ts'
import type { EventLog } from '../domain/log/event-log.ts'
import type { RecordRestorer } from '../domain/log/restored-record.ts'
import { RAW_TOPIC } from '../domain/log/topics.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { doAsEngine, openStore } from './store.ts'

/** Gets bytes of how many. */
export type OnBytes = (done: number, total: number) => void

/** CCS_USAGE_INVALID where Kafka keeps the log. */
export async function openOwnStore({ target, dataDir }: Project) {
  if (!target.kafka) return openStore(dataDir)
  throw new CcsError('CCS_USAGE_INVALID', `The log of target ${target.name} is kept by Kafka.`, {
    hint: 'These commands work on the log of a data directory: --target local',
  })
}

type OwnStore = Awaited<ReturnType<typeof openOwnStore>>

/** Reads and checks the whole log. */
export async function checkProjectLog(project: Project, onProgress: OnBytes) {
  const { describeVerified } = await import('../domain/lake/prune-text.ts')
  const store = await openOwnStore(project)
  try {
    const { checkStoreLog } = await import('../adapters/log/check-log.ts')
    const reports = await checkStoreLog(store, onProgress)
    return describeVerified(reports, await store.manifests.load())
  } finally {
    await store.log.close()
  }
}

/**
 * Plans what retention removes and, if `confirm` says yes, removes it or has the engine do it.
 * CCS_ENGINE_LOCKED while a process has the lock that can't be asked.
 */
export async function pruneProjectLog(
  project: Project,
  confirm: (plan: PruneResult) => Promise<boolean>,
): Promise<PruneResult> {
  const [{ openPruneFiles }, { pruneConfirmed, pruneIdle }] = await Promise.all([
    import('../adapters/log/prune-log.ts'),
    import('../domain/lake/prune.ts'),
  ])
  const store = await openOwnStore(project)
  const { retention: body } = project.config
  const files = openPruneFiles(store)
  const idle = () => pruneIdle(store, files, body)
  const prune = () => doAsEngine(store, { owner: 'ccs prune', path: '/prune', body }, idle)
  return pruneConfirmed(store, files, { retention: body, confirm, prune }).finally(() =>
    store.log.close(),
  )
}

/**
 * Plans the repair of the log and, if `confirm` says yes, does it; nobody else may write meanwhile:
 * CCS_ENGINE_LOCKED, CCS_LOG_LOCKED.
 */
export async function repairProjectLog(
  project: Project,
  onProgress: OnBytes,
  confirm: (plan: LogRepairResult) => Promise<boolean>,
  withPruned = false,
): Promise<LogRepairResult> {
  const [{ takeEngineLock }, { checkStoreLog }, { planLogRepair }, { repairLog }] =
    await Promise.all([
      import('../adapters/lake/engine-lock.ts'),
      import('../adapters/log/check-log.ts'),
      import('../domain/dlq/plan-log-repair.ts'),
      import('../adapters/log/repair-log.ts'),
    ])
  const store = await openOwnStore(project)
  const { files, root } = store
  const lock = await takeEngineLock(store, 'ccs log repair')
  try {
    const reports = await checkStoreLog(store, onProgress)
    return await withRestorer(project, store, async (restorer, withoutBronze) => {
      const pruned = withPruned ? undefined : (await store.manifests.load())?.pruned
      const partitions = await planLogRepair(reports, restorer, pruned)
      const plan = { applied: false, partitions, withoutBronze }
      if (partitions.length === 0 || !(await confirm(plan))) return plan
      const options = { files, owner: 'ccs log repair', nowMs: Date.now(), restorer }
      return { ...plan, applied: true, partitions: await repairLog(root, partitions, options) }
    })
  } finally {
    await lock.release()
    await store.log.close()
  }
}

/** Runs `use` with what makes records again from Bronze and events.dlq; see withBronzeRecords. */
export async function withRestorer<T>(
  project: Project,
  { log, root, lake, manifests }: OwnStore,
  use: (restorer: RecordRestorer, withoutBronze: string | null) => Promise<T>,
): Promise<T> {
  const [{ createRestorer }, { withBronzeRecords }] = await Promise.all([
    import('../domain/dlq/restore-records.ts'),
    import('../adapters/lake/bronze-records.ts'),
  ])
  const manifest = await manifests.load()
  const { rawSchemas, dlqSchemas } = await openLogic(project)
  return withBronzeRecords({ manifest, lake, rawSchemas, root }, (read, why) =>
    use(createRestorer({ log, dlqSchemas, readBronze: read }), why),
  )
}

/** Ends of the partitions of events.raw, by `events.raw-<partition>`. */
export async function listRawEnds(log: EventLog): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  for (const partition of await log.partitions(RAW_TOPIC))
    found.set(`${RAW_TOPIC}-${partition}`, (await log.range(RAW_TOPIC, partition)).end)
  return found
}
