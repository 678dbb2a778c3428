/**
 * Partitions of events.raw that only `ccs dlq replay` writes on a log that makes them as they are asked for.
 * What is replayed there is on time by its own watermark; and since a replay ends and then stands still, its
 * partitions hold no window open for others (docs/adr/0009).
 */
const FIRST = 1024
const COUNT = 16

export const REPLAY_PARTITIONS: readonly number[] = Array.from(
  { length: COUNT },
  (_, index) => FIRST + index,
)

export function isReplayPartition(partition: number): boolean {
  return partition >= FIRST && partition < FIRST + COUNT
}

/** Those of `positions` whose event time others wait for: all but the replays', if there are others. */
export function selectWatermarkPositions<T extends { readonly partition: number }>(
  positions: readonly T[],
): readonly T[] {
  const live = positions.filter(({ partition }) => !isReplayPartition(partition))
  return live.length > 0 ? live : positions
}
