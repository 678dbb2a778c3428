/**
 * Where the log begins: retention may remove its first segments while a backup copies them. The
 * commit that a backup names has to say so, or what retention removed would count as lost.
 */

/** A partition with its segments, on the disk or in a backup. */
export interface LogStart {
  readonly topic: string
  readonly partition: number
  readonly segments: readonly { readonly base: number }[]
}

/** The first offset that the partition has; 0 without a segment. */
export function findStart({ segments }: Pick<LogStart, 'segments'>): number {
  return segments[0]?.base ?? 0
}

/** Whether the partitions begin as they did; others may have been added. */
export function isSameStart(before: readonly LogStart[], after: readonly LogStart[]): boolean {
  return before.every((one) => {
    const now = after.find(
      ({ topic, partition }) => topic === one.topic && partition === one.partition,
    )
    return now === undefined || one.segments.length === 0 || findStart(now) === findStart(one)
  })
}
