/** Composition of a target with the embedded engine. */

import type { Dialect } from '../../domain/dialects/dialect.ts'
import { RAW_TOPIC } from '../../domain/log/topics.ts'
import { openStore } from '../store.ts'
import type { OpenTargetEngine } from './engine-module.ts'
import { openProjectStore, withTargetIds } from './log.ts'

/** Opens the engine of a target for plan and deploy. Takes no lock yet. */
export const openTargetEngine: OpenTargetEngine = async (project, logic, options) => {
  const [{ EmbeddedTargetEngine }, { takeEngineLock }, { systemClock }] = await Promise.all([
    import('../../engines/embedded/target-engine.ts'),
    import('../../adapters/lake/engine-lock.ts'),
    import('../../adapters/process/system-clock.ts'),
  ])
  const store = await openProjectStore(project)
  return new EmbeddedTargetEngine({
    config: project.config,
    logic,
    registeredLogic: () => withTargetIds(project, logic),
    store,
    openSide: (root) => openStore(root),
    lock: () => takeEngineLock(store, 'ccs deploy'),
    clock: systemClock(),
    topic: RAW_TOPIC,
    learnsSchemas: project.target.kafka !== undefined,
    isRebuild: options.isRebuild,
    isDestroying: options.isDestroying,
    mayLoseRows: options.mayLoseRows,
    onNotice: options.onNotice,
  })
}

/** How models are printed for it. */
export async function openDialect(): Promise<Dialect> {
  return (await import('../../engines/embedded/dialect.ts')).compileEmbedded
}
