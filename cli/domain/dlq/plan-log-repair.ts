/** What a repair of the log would bring back, and what it would give up. */
import type { Pruned } from '../lake/manifest.ts'
import { countPruned } from '../lake/prune-plan.ts'
import {
  countUnreadable,
  type LogDamage,
  type OffsetRange,
  type PartitionReport,
} from '../log/log-report.ts'
import type { RecordRange, RecordRestorer } from '../log/restored-record.ts'

/** The repair of one partition, planned or done. */
export interface PartitionRepair {
  readonly topic: string
  readonly partition: number
  readonly damage: readonly LogDamage[]
  /** Records before the first segment are made again: offsets 0 up to this one; 0: none. */
  readonly restoredBefore: number
  /** Unreadable records that are made again, and those that stay lost. */
  readonly restored: number
  readonly lost: number
  /** Damaged files, as they are called after the repair. */
  readonly kept: readonly string[]
}

/** The `--json` document of `ccs log repair`. */
export interface LogRepairResult {
  /** False: only planned, or nothing is damaged. */
  readonly applied: boolean
  readonly partitions: readonly PartitionRepair[]
  /** Why Bronze can't give everything back, as half a sentence; null: it can. */
  readonly withoutBronze: string | null
}

/**
 * Plans the repair of each partition that needs one; reads the records that would be restored. A
 * beginning that retention removed, by `pruned`, stays as it is.
 */
export async function planLogRepair(
  reports: readonly PartitionReport[],
  restorer: RecordRestorer,
  pruned?: Pruned,
): Promise<readonly PartitionRepair[]> {
  const plans: PartitionRepair[] = []
  for (const { topic, partition, damage: all, start, segments } of reports) {
    const damage = all.filter(({ kind }) => kind !== 'overlap')
    const count = (span: OffsetRange) => countRecords(restorer, { topic, partition, ...span })
    const isPruned = countPruned(pruned, { topic, partition }, start) > 0
    const isCut = segments > 0 && start > 0 && !isPruned
    const before = isCut ? await count({ from: 0, to: start }) : 0
    let restored = before
    for (const one of damage) restored += await count(one)
    if (damage.length === 0 && before === 0) continue
    const unreadable = countUnreadable(damage) + (before > 0 ? start : 0)
    plans.push({
      ...{ topic, partition, damage, restoredBefore: before > 0 ? start : 0 },
      ...{ restored, lost: unreadable - restored, kept: [] },
    })
  }
  return plans
}

async function countRecords(restorer: RecordRestorer, range: RecordRange): Promise<number> {
  let count = 0
  if (range.from < range.to)
    for await (const records of restorer.read(range)) count += records.length
  return count
}
