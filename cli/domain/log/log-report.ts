/** What a check of the embedded log found: its segments, and where records can't be read. */
import { formatBytes, formatCount } from '../kernel/units.ts'

/**
 * damaged: a frame fails its checksum · missing: no file has these offsets, because one was deleted
 * or cut · surplus: bytes after the last frame of a segment that another one follows · overlap: the
 * next segment begins with offsets that this one has too, written by two writers at once.
 */
export type LogDamageKind = 'damaged' | 'missing' | 'surplus' | 'overlap'

/** Offsets of records, `to` not included; equal if there are none. */
export interface OffsetRange {
  readonly from: number
  readonly to: number
}

/** A part of the log that can't be read, and the records in it. */
export interface LogDamage extends OffsetRange {
  readonly kind: LogDamageKind
  /** Path of the segment. */
  readonly file: string
  /** The byte at which it begins, and how many bytes of the file it has. */
  readonly position: number
  readonly bytes: number
}

/** Records that a repair gave up, or that were erased on a person's request. */
export interface LostRecords extends OffsetRange {
  /** When, ms since 1970. */
  readonly repairedMs: number
  readonly isErased: boolean
}

/** One partition of the log, after all its frames were read and checked. */
export interface PartitionReport {
  readonly topic: string
  readonly partition: number
  readonly segments: number
  /** Of the segments, how many are compressed. */
  readonly compressed: number
  /** Length of their files. */
  readonly bytes: number
  /** Records in intact frames. */
  readonly records: number
  /** The first offset that is kept, and the offset after the last record. */
  readonly start: number
  readonly end: number
  /** When the first and the last readable frame were appended, ms since 1970. */
  readonly firstMs: number | null
  readonly lastMs: number | null
  /** Bytes of an append that was never acknowledged; the next writer cuts them off. */
  readonly unfinishedBytes: number
  readonly damage: readonly LogDamage[]
  readonly lost: readonly LostRecords[]
}

/** Up to which offset records of a partition were read and committed. */
export interface CommittedEnd {
  readonly topic: string
  readonly partition: number
  readonly end: number
}

/** `records 5 to 9`, `record 5` or `no records`; `to` is not included. */
export function describeOffsets({ from, to }: OffsetRange): string {
  if (to <= from) return 'no records'
  const first = formatCount(from)
  return to === from + 1 ? `record ${first}` : `records ${first} to ${formatCount(to - 1)}`
}

/** The damage as half a sentence with file and byte. */
export function describeDamage(damage: LogDamage): string {
  const { kind, file, position, bytes, from, to } = damage
  const records = `${describeOffsets(damage)} can't be read`
  switch (kind) {
    case 'damaged':
      return `${file}, byte ${position}: ${formatBytes(bytes)} are damaged: ${records}`
    case 'missing':
      return `${file}, byte ${position}: ${describeOffsets({ from, to })} are missing`
    case 'surplus':
      return `${file}, byte ${position}: ${formatBytes(bytes)} that are no record`
    case 'overlap':
      return `${file}, byte ${position}: has ${describeOffsets({ from, to })} a second time`
  }
}

/** How many records the damage makes unreadable. */
export function countUnreadable(damage: readonly OffsetRange[]): number {
  return damage.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0)
}

/** How many records were given up, and how many erased, as sentences. */
export function describeLost(
  place: string,
  lost: readonly Omit<LostRecords, 'repairedMs'>[],
): readonly string[] {
  const count = (isErased: boolean) =>
    countUnreadable(lost.filter((one) => one.isErased === isErased))
  const [repaired, erased] = [count(false), count(true)]
  return [
    ...(repaired > 0
      ? [`A repair of the log gave up ${formatCount(repaired)} records of ${place}.`]
      : []),
    ...(erased > 0 ? [`${formatCount(erased)} records of ${place} were erased by ccs erase.`] : []),
  ]
}

/** A report with times as ISO 8601. */
export interface VerifiedPartition
  extends Omit<PartitionReport, 'firstMs' | 'lastMs' | 'lost' | 'damage'> {
  readonly first: string | null
  readonly last: string | null
  /** Of the records before `start`, those that retention removed. */
  readonly pruned: number
  readonly damage: readonly LogDamage[]
  readonly lost: readonly (OffsetRange & {
    readonly repaired: string
    readonly isErased: boolean
  })[]
}

/** The `--json` document of `ccs log verify`. */
export interface LogVerifyResult {
  readonly ok: boolean
  readonly partitions: readonly VerifiedPartition[]
}

/**
 * Makes the document; it is not ok if anything is damaged. `countRemoved` says how many records
 * before a partition's start retention removed.
 */
export function toVerifyResult(
  reports: readonly PartitionReport[],
  countRemoved: (report: PartitionReport) => number = () => 0,
): LogVerifyResult {
  const toIso = (ms: number) => new Date(ms).toISOString()
  return {
    ok: reports.every(({ damage }) => damage.length === 0),
    partitions: reports.map((report) => {
      const { firstMs, lastMs, damage, lost, ...one } = report
      return {
        ...one,
        pruned: countRemoved(report),
        first: firstMs === null ? null : toIso(firstMs),
        last: lastMs === null ? null : toIso(lastMs),
        damage,
        lost: lost.map(({ repairedMs, ...one }) => ({ ...one, repaired: toIso(repairedMs) })),
      }
    }),
  }
}
