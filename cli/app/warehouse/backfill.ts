/** Composition of `ccs backfill`: rows of a data directory, made again and compared. */
import type { BackfillResult, BackfillRun } from '../../domain/audit/backfill.ts'
import { RAW_TOPIC as topic } from '../../domain/log/topics.ts'
import type { Project } from '../../project.ts'
import { openLogic } from '../project-logic.ts'
import { openStore } from '../store.ts'
import { openProjectStore, withTargetIds } from '../targets/log.ts'

/** CCS_ENGINE_LOCKED while an engine runs there; otherwise see `backfill`. */
export async function backfillProject(
  project: Project,
  run: BackfillRun & { readonly onNotice: (text: string) => void },
): Promise<BackfillResult> {
  const [{ takeEngineLock }, { backfill }, { systemClock }] = await Promise.all([
    import('../../adapters/lake/engine-lock.ts'),
    import('../../engines/embedded/backfill.ts'),
    import('../../adapters/process/system-clock.ts'),
  ])
  const store = await openProjectStore(project)
  try {
    const lock = await takeEngineLock(store, 'ccs backfill')
    try {
      const logic = await withTargetIds(project, await openLogic(project))
      const openSide = (root: string) => openStore(root, store.files)
      const { config } = project
      const { onNotice } = run
      const parts = { config, logic, store, clock: systemClock(), topic, onNotice, openSide }
      return await backfill(parts, run)
    } finally {
      await lock.release()
    }
  } finally {
    await store.log.close()
  }
}
