/** Composition of `ccs lake verify --repair`. */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { LakeRepairPorts, LakeRepairResult, LakeRepairRun } from '../domain/dlq/repair-lake.ts'
import { RAW_TOPIC as topic } from '../domain/log/topics.ts'
import type { Project } from '../project.ts'
import { type OnBytes, withRestorer } from './log.ts'
import { openDeployedLogic } from './query.ts'
import { openStore } from './store.ts'
import { openProjectStore } from './targets/log.ts'

/** See repairLake; CCS_ENGINE_LOCKED while an engine runs. `opening`: of its own unless given. */
export async function repairProjectLake(
  project: Project,
  run: LakeRepairRun & { readonly onProgress: OnBytes; readonly onNotice: (text: string) => void },
  opening = openProjectStore(project),
): Promise<LakeRepairResult> {
  const [locks, checks, verifying, repairing, loss, rows, { repairLake }] = await Promise.all([
    import('../adapters/lake/engine-lock.ts'),
    import('../adapters/log/check-log.ts'),
    import('../adapters/lake/verify-store.ts'),
    import('../adapters/log/repair-log.ts'),
    import('../engines/embedded/log-loss.ts'),
    import('../engines/embedded/repair-rows.ts'),
    import('../domain/dlq/repair-lake.ts'),
  ])
  const { onProgress, onNotice, mayLoseRows } = run
  const store = await opening
  const { files, root, log, manifests } = store
  const options = { files, owner: 'ccs lake verify --repair', nowMs: Date.now() }
  const lock = await locks.takeEngineLock(store, options.owner)
  const ownLog: LakeRepairPorts['log'] = {
    check: () => checks.checkStoreLog(store, onProgress),
    withRestorer: (use) => withRestorer(project, store, use),
    repair: (plans, restorer) => repairing.repairLog(root, plans, { ...options, restorer }),
  }
  const ports: LakeRepairPorts = {
    ...(project.target.kafka ? {} : { log: ownLog }),
    verify: () => verifying.verifyStore(store, onProgress),
    load: () => manifests.load(),
    countLost: (manifest, plans) => loss.countLostOffsets(log, manifest, plans),
    makeRows: async (base, plan) => {
      const parts = {
        config: project.config,
        logic: await openDeployedLogic(project),
        store,
        topic,
      }
      const openSide = (at: string) => openStore(at, files)
      const rebuild = { ...parts, openSide, onNotice, clock: systemClock() }
      await rows.repairRows(rebuild, { base, plan, mayLoseRows })
    },
  }
  return repairLake(ports, run).finally(() => Promise.all([lock.release(), log.close()]))
}
