/**
 * Makes rows again whose files are damaged: Gold from Silver, or everything from the log, beside
 * what is there. The manifest's rename swaps them in, so that a repair can be repeated after a
 * crash at any step.
 */

import { type RowRepair, withoutModels } from '../../domain/dlq/plan-lake-repair.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { findLogLoss } from './log-loss.ts'
import { refuseUndeployed } from './model-diff.ts'
import { adoptRows, buildGold, type RebuildParts, rebuildAll } from './rebuild.ts'

/** What to repair. */
export interface RepairOptions {
  readonly base: Manifest
  readonly plan: RowRepair
  /** Fewer rows than there were are accepted. */
  readonly mayLoseRows: boolean
}

/**
 * Commits the repaired rows. Throws CCS_PLAN_CHANGES, with nothing changed, if the logic is not the
 * one that made the rows, or if there would be fewer of them.
 */
export async function repairRows(
  parts: RebuildParts,
  { base, plan, mayLoseRows }: RepairOptions,
): Promise<void> {
  refuseUndeployed(parts.logic, base, 'Rows are repaired with the models that made them.')
  const next =
    plan.from === 'silver'
      ? await buildAgain(parts, base, new Set(plan.models))
      : await rebuildAll(parts, base, {
          loss: await findLogLoss(parts.store, parts.topic, base),
          mayLoseRows,
        })
  await adoptRows(parts, base.serial, next)
}

async function buildAgain(
  parts: RebuildParts,
  base: Manifest,
  models: ReadonlySet<string>,
): Promise<Manifest> {
  // The lake can't be finalized first, as files of the present commit may be gone.
  const places = await parts.store.lake.locate(base)
  return buildGold(parts, withoutModels(base, models), models, places)
}
