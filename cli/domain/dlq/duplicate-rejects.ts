/**
 * One record may have two rejects: one by the engine, in its own partition of events.dlq, and one
 * by a gate, in another partition. Readers count both as one.
 */
import type { RejectedEvent } from '../events/contracts.ts'
import type { LogSource } from '../lake/manifest.ts'
import type { EventLog } from '../log/event-log.ts'
import { DLQ_TOPIC, ENGINE_PARTITION } from '../log/topics.ts'
import { createSourceKey, type SourceKey, SourceKeySet } from './source-key.ts'

/** Whether events.dlq may hold duplicates now: never if each partition has a single writer. */
export async function mayHaveDuplicates(log: EventLog): Promise<boolean> {
  if ((await log.identity(DLQ_TOPIC)) === null) return false
  const partitions = await log.partitions(DLQ_TOPIC)
  const filled: number[] = []
  for (const partition of partitions) {
    const { start, end } = await log.range(DLQ_TOPIC, partition)
    if (end > start) filled.push(partition)
  }
  // With more than one partition, the gate does not use the engine's.
  if (partitions.length < 2) return filled.length > 0
  return filled.length > 1 && filled.includes(ENGINE_PARTITION)
}

/**
 * Returns a filter that is true for the first reject of each record; stores nothing if
 * there can be no duplicates.
 */
export async function createDuplicateFilter(
  log: EventLog,
): Promise<(sourceKey: SourceKey | undefined) => boolean> {
  if (!(await mayHaveDuplicates(log))) return () => true
  const seen = new SourceKeySet()
  return (sourceKey) => sourceKey === undefined || seen.add(sourceKey)
}

/**
 * Returns the key of the record that a reject is about. After a topic was recreated,
 * the engine's offsets continue (`sources` has the shift), while a gate uses the log's
 * own; the key has the log's.
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
