/** The records of events.dlq, partition after partition, each with its sort; up to where the topic ends now. */
import type { RejectedEvent } from '../events/contracts.ts'
import type { LogSource } from '../lake/manifest.ts'
import type { EventLog } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { DLQ_TOPIC } from '../log/topics.ts'
import { findSourceKey } from './duplicate-rejects.ts'
import { groupReject, type RejectGroupKey } from './fingerprint.ts'
import type { SourceKey } from './source-key.ts'

export interface RejectEntry {
  /** Where it stands in events.dlq. */
  readonly partition: number
  readonly offset: number
  /** undefined: the record is no reject. */
  readonly reject: RejectedEvent | undefined
  readonly group: RejectGroupKey
  /** Which record it is of; undefined: none, or none but this can be of the same. */
  readonly sourceKey: SourceKey | undefined
}

export interface RejectPorts {
  readonly log: EventLog
  /** undefined for bytes that are no reject. */
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
  /** Of the engine's manifest, where there is one. */
  readonly sources?: readonly LogSource[]
}

/** Batches of about 4 MiB; `onProgress` gets records read and in all. Bytes of a reject are its own. */
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
          const mark = isShared && reject ? findSourceKey(sources, partition, reject) : undefined
          entries.push(toEntry(partition, offset, reject, mark))
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
  mark: SourceKey | undefined,
): RejectEntry {
  // The decoder's bytes may be a view of the frame, which lives until the next read.
  const own = reject && { ...reject, bytes: Uint8Array.from(reject.bytes) }
  return { partition, offset, reject: own, group: groupReject(reject), sourceKey: mark }
}
