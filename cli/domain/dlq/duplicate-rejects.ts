/**
 * A record may be rejected twice: by the engine, in its own partition of events.dlq, and by a gate, in another.
 * Readers take such copies as one.
 */
import type { RejectedEvent } from '../events/contracts.ts'
import type { LogSource } from '../lake/manifest.ts'
import type { EventLog } from '../log/event-log.ts'
import { DLQ_TOPIC, ENGINE_PARTITION } from '../log/topics.ts'
import { createSourceKey, type SourceKey, SourceKeySet } from './source-key.ts'

/** Whether events.dlq may hold copies now: never on a log whose partitions have one writer each. */
export async function mayHaveDuplicates(log: EventLog): Promise<boolean> {
  if ((await log.identity(DLQ_TOPIC)) === null) return false
  const partitions = await log.partitions(DLQ_TOPIC)
  const filled: number[] = []
  for (const partition of partitions) {
    const { start, end } = await log.range(DLQ_TOPIC, partition)
    if (end > start) filled.push(partition)
  }
  // The gate keeps clear of the engine's partition where there is another.
  if (partitions.length < 2) return filled.length > 0
  return filled.length > 1 && filled.includes(ENGINE_PARTITION)
}

/** Tells the first that comes of each record's rejects; keeps nothing where there are no copies. */
export async function createDuplicateFilter(
  log: EventLog,
): Promise<(mark: SourceKey | undefined) => boolean> {
  if (!(await mayHaveDuplicates(log))) return () => true
  const seen = new SourceKeySet()
  return (mark) => mark === undefined || seen.add(mark)
}

/**
 * Gives the mark of a reject in a partition of events.dlq. Where a topic was made anew, the engine's offsets go on
 * (`sources` of its manifest say by how much), while a gate's are the log's own: they meet as those.
 */
export function findSourceKey(
  sources: readonly LogSource[],
  dlqPartition: number,
  reject: RejectedEvent,
): SourceKey | undefined {
  const { topic, partition, offset } = reject
  if (dlqPartition !== ENGINE_PARTITION) return createSourceKey(reject)
  const source = sources.find((one) => one.topic === topic && one.partition === partition)
  const shift = source !== undefined && offset >= source.since ? source.shift : 0
  return createSourceKey(reject, offset - shift)
}
