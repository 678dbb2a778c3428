/** Repairs the partitions of a log, as planned. */
import { join } from 'node:path'
import type { PartitionRepair } from '../../domain/dlq/plan-log-repair.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import { systemProcesses } from '../files/process-id.ts'
import { type RepairOptions, repairPartition } from './repair-partition.ts'

/** Returns what was really done; a partition that was repaired stays so if a later one fails. */
export async function repairLog(
  root: string,
  plans: readonly PartitionRepair[],
  options: Omit<RepairOptions, 'processes' | 'fromStart'>,
): Promise<readonly PartitionRepair[]> {
  const done: PartitionRepair[] = []
  for (const plan of plans) {
    const { topic, partition, damage, restoredBefore } = plan
    const dir = join(dataLayout(root).log, `${topic}-${partition}`)
    const committedEnd = Math.max(0, ...damage.map(({ to }) => to))
    const result = await repairPartition(
      { topic, partition, dir, committedEnd },
      { ...options, processes: systemProcesses(), fromStart: restoredBefore > 0 },
    )
    done.push({ ...plan, ...result })
  }
  return done
}
