/** Reads events.dlq, partition by partition, up to the end that the topic has at the start. */
import type { RejectedEvent } from '../events/contracts.ts'
import type { LogSource } from '../lake/manifest.ts'
import type { EventLog } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { DLQ_TOPIC } from '../log/topics.ts'
import { findSourceKey } from './duplicate-rejects.ts'
import { groupReject, type RejectGroupKey } from './fingerprint.ts'
import type { SourceKey } from './source-key.ts'

/** A record of events.dlq. */
export interface RejectEntry {
  /** Its position in events.dlq. */
  readonly partition: number
  readonly offset: number
  /** undefined: the record is not a reject. */
  readonly reject: RejectedEvent | undefined
  readonly group: RejectGroupKey
  /** Identifies the rejected record if it may have several rejects; else undefined. */
  readonly sourceKey: SourceKey | undefined
}

/** What readers of events.dlq need. */
export interface RejectPorts {
  readonly log: EventLog
  /** Returns undefined for bytes that are not a reject. */
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
  /** Sources in the engine's manifest, if there is one. */
  readonly sources?: readonly LogSource[]
}

/** Yields batches; `onProgress` gets records read and in all. Entries own their bytes. */
export async function* readRejects(
  { log, decode, sources = [] }: RejectPorts,
  onProgress: (done: number, total: number) => void = () => {},
): AsyncGenerator<readonly RejectEntry[]> {
  const partitions = await log.partitions(DLQ_TOPIC)
  const ranges = await Promise.all(partitions.map((one) => log.range(DLQ_TOPIC, one)))
  const total = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  const isShared = (await log.identity(DLQ_TOPIC)) !== null
  let done = 0
  for (const [index, partition] of partitions.entries()) {
    const { start, end } = ranges[index] ?? { start: 0, end: 0 }
    if (end <= start) continue
    const place = { topic: DLQ_TOPIC, partition, from: start }
    for await (const { records, nextOffset } of readRecords(log, place)) {
      const entries: RejectEntry[] = []
      for (const { offset, bytes } of records)
        if (offset < end) {
          const reject = decode(bytes)
          const sourceKey =
            isShared && reject ? findSourceKey(sources, partition, reject) : undefined
          entries.push(toEntry(partition, offset, reject, sourceKey))
        }
      done += entries.length
      yield entries
      onProgress(done, total)
      if (nextOffset >= end) break
    }
  }
}

function toEntry(
  partition: number,
  offset: number,
  reject: RejectedEvent | undefined,
  sourceKey: SourceKey | undefined,
): RejectEntry {
  // The decoder's bytes may be a view of the frame, which is only valid until the next read.
  const own = reject && { ...reject, bytes: Uint8Array.from(reject.bytes) }
  return { partition, offset, reject: own, group: groupReject(reject), sourceKey }
}

/** Ms since 1970 as ISO 8601; null beyond the years that a Date can have. */
export function isoTime(ms: number): string | null {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null
}
