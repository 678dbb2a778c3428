/**
 * Compares what the log has with what was committed from it. A log that begins after its first
 * record is no fault as long as everything before was committed: old segments may be deleted. A
 * hole inside, a missing end, and records that were never committed are faults.
 */
import { formatCount } from '../kernel/units.ts'
import type { Manifest, Pruned } from '../lake/manifest.ts'
import { countPruned } from '../lake/prune-plan.ts'
import {
  countUnreadable,
  describeDamage,
  describeLost,
  type PartitionReport,
} from '../log/log-report.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import { type AuditFault, IDS_MAX } from './log-accounts.ts'

/** What the log has of one partition of events.raw. */
export interface LogState {
  readonly topic: string
  readonly partition: number
  /** The first offset that is kept, and the offset after the last record. */
  readonly start: number
  readonly end: number
  /** When its first record was appended, ISO 8601; null: not known. */
  readonly since: string | null
  /** Of the records before `start`, those that retention removed. */
  readonly pruned: number
  /** Records that repairs of the log gave up, and those that were erased. */
  readonly lost: number
  readonly erased: number
}

/**
 * Faults of a log on disk, after all of it was read, up to the committed ends at least, and the
 * state of events.raw.
 */
export function judgeLog(
  reports: readonly PartitionReport[],
  { positions, pruned }: Pick<Manifest, 'positions'> & { readonly pruned?: Pruned | undefined },
): { readonly log: readonly LogState[]; readonly faults: readonly AuditFault[] } {
  const isRaw = ({ topic }: { readonly topic: string }) => topic === RAW_TOPIC
  return {
    log: reports.filter(isRaw).map((report) => describeState(report, pruned)),
    faults: [
      ...reports.flatMap(listDamage),
      ...positions.filter(isRaw).flatMap(({ topic, partition, nextOffset }) => {
        const report = reports.find((one) => one.topic === topic && one.partition === partition)
        return compareRange(`${topic}-${partition}`, nextOffset, report)
      }),
    ],
  }
}

/** Where the log begins and what it lacks, as sentences; [] for a whole log. */
export function describeLogState(state: LogState): readonly string[] {
  const { topic, partition, start, since, lost, erased, pruned } = state
  const deleted = start - pruned
  const place = `${topic}-${partition}`
  const at = since === null ? '' : `, appended ${since}`
  return [
    ...(pruned > 0
      ? [
          `Retention removed ${formatCount(pruned)} records of ${place} from the log, all of ` +
            `them committed before. It begins with record ${formatCount(start)}${at}.`,
        ]
      : []),
    ...(deleted > 0 && pruned > 0
      ? [
          `Another ${formatCount(deleted)} records before that were not removed by retention: ` +
            'their segments were deleted in another way.',
        ]
      : []),
    ...(deleted > 0 && pruned === 0
      ? [
          `The log of ${place} begins with record ${formatCount(start)}${at}: what was committed ` +
            'before is in Bronze and in events.dlq only, so a rebuild from the log needs more.',
        ]
      : []),
    ...describeLost(place, [
      { from: 0, to: lost, isErased: false },
      { from: 0, to: erased, isErased: true },
    ]),
  ]
}

function describeState(report: PartitionReport, before: Pruned | undefined): LogState {
  const { topic, partition, start, end, firstMs, lost } = report
  const since = firstMs === null ? null : new Date(firstMs).toISOString()
  const count = (isErased: boolean) =>
    countUnreadable(lost.filter((one) => one.isErased === isErased))
  const pruned = countPruned(before, report, start)
  return {
    ...{ topic, partition, start, end, since, pruned },
    ...{ lost: count(false), erased: count(true) },
  }
}

function listDamage({ topic, damage }: PartitionReport): readonly AuditFault[] {
  if (damage.length === 0) return []
  const ids = damage.slice(0, IDS_MAX).map(describeDamage)
  const records = countUnreadable(damage)
  return [
    records > 0
      ? { model: topic, check: 'records of the log that cannot be read', count: records, ids }
      : { model: topic, check: 'parts of the log that are no record', count: damage.length, ids },
  ]
}

function compareRange(
  place: string,
  nextOffset: number,
  report: PartitionReport | undefined,
): readonly AuditFault[] {
  const start = report?.start ?? 0
  if (start > nextOffset)
    return [
      {
        ...{ model: RAW_TOPIC, check: 'gone from the log before they were committed' },
        ...{ count: start - nextOffset, ids: [`${place}:${nextOffset}`] },
      },
    ]
  return []
}
