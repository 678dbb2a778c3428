/** What retention removes, as text for people. */
import { formatBytes, formatCount } from '../kernel/units.ts'
import { type LogVerifyResult, type PartitionReport, toVerifyResult } from '../log/log-report.ts'
import type { Manifest } from './manifest.ts'
import type { PruneResult } from './prune.ts'
import { countPruned } from './prune-plan.ts'

/** One line on what went: how much, and where the log begins now. */
export function describePruned({ records, bytes, partitions }: PruneResult): string {
  const places = partitions
    .filter(({ segments }) => segments > 0)
    .map(({ topic, partition, to }) => `${topic}-${partition} begins with ${formatCount(to)}`)
  return (
    `Retention removed ${formatCount(records)} records (${formatBytes(bytes)}) from the log: ` +
    `${places.join(', ')}.`
  )
}

/** The document of `ccs log verify`, with what a manifest says that retention removed. */
export function describeVerified(
  reports: readonly PartitionReport[],
  manifest: Pick<Manifest, 'pruned'> | undefined,
): LogVerifyResult {
  return toVerifyResult(reports, (one) => countPruned(manifest?.pruned, one, one.start))
}
