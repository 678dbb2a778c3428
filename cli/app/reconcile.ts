/** Composition of `ccs reconcile`: the marts and what they were built from, and whoever answers. */
import type { Marts } from '../adapters/duckdb/published-marts.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { ReconcileReport } from '../domain/reconcile/accounts.ts'
import type { MartsLake, ReconcilePorts, ReconcileRun } from '../domain/reconcile/run-reconcile.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { openAnswers } from './query.ts'
import { openStore } from './store.ts'

/** Runs `ccs reconcile`. */
export async function runReconcile(
  project: Project,
  run: ReconcileRun = {},
): Promise<ReconcileReport> {
  const [reconcile, { findWatermarkDelay }, { readWatermark }, { refuseUndeployed }] =
    await Promise.all([
      import('../domain/reconcile/run-reconcile.ts'),
      import('../domain/models/logic.ts'),
      import('../domain/marts/marts.ts'),
      import('../engines/embedded/model-diff.ts'),
    ])
  const logic = await openLogic(project)
  const ports: ReconcilePorts = {
    withMartsLake: (use) => withMartsLake(project, logic, run, use),
    checkLogic: (manifest) => refuseUndeployed(logic, manifest),
    openStream: (without) => openAnswers(project, without),
    readWatermark: (manifest) => readWatermark(manifest, findWatermarkDelay(logic)),
  }
  return reconcile.runReconcile(ports, run)
}

/** Throws CCS_MARTS_MISSING when there are none, or they are of another lake. */
export async function withMartsLake<T>(
  project: Project,
  logic: Logic,
  about: Pick<ReconcileRun, 'day' | 'memoryLimitBytes'>,
  use: (lake: MartsLake<Marts>) => Promise<T>,
): Promise<T> {
  const lake = await import('../adapters/lake/marts-lake.ts')
  const store = await openStore(project.dataDir)
  const { timezone } = project.config
  try {
    return await lake.withMartsLake({ store, logic, timezone, nowMs: Date.now(), ...about }, use)
  } finally {
    await store.log.close()
  }
}
