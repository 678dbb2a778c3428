/**
 * Makes rows again whose files are damaged: Gold from Silver, or everything from the log, beside
 * what is there. The manifest's rename swaps them in, so that a repair can be repeated after a
 * crash at any step.
 */

import { type RowRepair, withoutModels } from '../../domain/dlq/plan-lake-repair.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { findLogLoss, toGaps } from './log-loss.ts'
import { manifestLogic, refuseUndeployed } from './model-diff.ts'
import { adoptRows, buildGold, type RebuildParts, rebuildFromLog } from './rebuild.ts'
import { compareRows } from './row-loss.ts'

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
  const { logic, clock } = parts
  refuseUndeployed(logic, base, 'Rows are repaired with the models that made them.')
  const next =
    plan.from === 'silver'
      ? await buildAgain(parts, base, new Set(plan.models))
      : await rebuildAll(parts, base, mayLoseRows)
  const committed = { ...next, serial: base.serial + 1, committedMs: clock.nowMs() }
  await adoptRows(parts.store, { ...committed, ...manifestLogic(logic) })
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

async function rebuildAll(
  parts: RebuildParts,
  base: Manifest,
  mayLoseRows: boolean,
): Promise<Manifest> {
  const { store, topic, logic, clock, onNotice } = parts
  const loss = await findLogLoss(store, topic, base)
  const built = await rebuildFromLog(parts, base)
  for (const line of compareRows(base, built, { models: logic.graph, mayLoseRows })) onNotice(line)
  const gaps = [...(base.gaps ?? []), ...(loss ? toGaps(loss, clock.nowMs()) : [])]
  return gaps.length === 0 ? built : { ...built, gaps: [...gaps, ...(built.gaps ?? [])] }
}
