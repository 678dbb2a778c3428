/**
 * Partitions of events.raw that only `ccs dlq replay` writes to, on a log that creates partitions
 * on demand. Each has its own watermark, so replayed events are on time there; and a finished
 * replay does not keep windows open for other partitions (docs/adr/0009).
 */
const FIRST = 1024
const COUNT = 16

/** Numbers of these partitions; a replay picks one in which its events are not late. */
export const REPLAY_PARTITIONS: readonly number[] = Array.from(
  { length: COUNT },
  (_, index) => FIRST + index,
)

/** Whether only replays write to the partition. */
export function isReplayPartition(partition: number): boolean {
  return partition >= FIRST && partition < FIRST + COUNT
}

/**
 * Returns the positions whose watermark counts: those of partitions to which more is coming, if
 * there are any, so neither those of replays nor those of imports that are done.
 */
export function selectWatermarkPositions<
  T extends { readonly partition: number; readonly hasEnded?: true },
>(positions: readonly T[]): readonly T[] {
  const others = positions.filter(({ partition }) => !isReplayPartition(partition))
  const live = others.filter(({ hasEnded }) => hasEnded === undefined)
  if (live.length > 0) return live
  return others.length > 0 ? others : positions
}
