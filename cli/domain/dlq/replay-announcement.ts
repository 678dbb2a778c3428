/** Records of the replay ledger, and how the log shows whether an announced append took place. */
import { createHash } from 'node:crypto'
import type { EventLog } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import type { SourceKey } from './source-key.ts'

/** A reject that is sent again. */
export interface ReplayedReject {
  /** Its position in events.dlq. */
  readonly partition: number
  readonly offset: number
  /** Hash of the bytes that are appended, see hashRecord. */
  readonly hash: string
  /** 1 for the first replay; 2 for a reject that was itself a replay, and so on. */
  readonly replayCount: number
  /** Identifies the rejected record if it may have several rejects. */
  readonly sourceKey?: SourceKey
}

/** Written to the ledger before an append. Stored as JSON: do not rename members. */
export interface Announcement {
  readonly kind: 'replay'
  readonly atMs: number
  /** Identity of events.dlq: offsets of a recreated topic belong to other rejects. */
  readonly dlq: string | null
  readonly topic: string
  readonly partition: number
  /** End of the partition before the append. */
  readonly from: number
  /** Greatest event time of the records, ms. */
  readonly newestMs: number
  readonly records: readonly AnnouncedRecord[]
}

/** Dlq partition, dlq offset, hash, number of replays; then the source key, if there is one. */
export type AnnouncedRecord = readonly [
  ...reject: [number, number, string, number],
  ...sourceKey: [] | [partition: string, offset: number, bytesHash: number],
]

/** Converts a reject to its form in the ledger. */
export function toAnnouncedRecord({
  partition,
  offset,
  hash,
  replayCount,
  sourceKey,
}: ReplayedReject): AnnouncedRecord {
  if (sourceKey === undefined) return [partition, offset, hash, replayCount]
  return [
    partition,
    offset,
    hash,
    replayCount,
    sourceKey.partition,
    sourceKey.offset,
    sourceKey.bytesHash,
  ]
}

/** Converts a reject from its form in the ledger. */
export function fromAnnouncedRecord(record: AnnouncedRecord): ReplayedReject {
  const [partition, offset, hash, replayCount, source, sourceOffset, bytesHash] = record
  const replayed = { partition, offset, hash, replayCount }
  if (source === undefined || sourceOffset === undefined || bytesHash === undefined) return replayed
  return { ...replayed, sourceKey: { partition: source, offset: sourceOffset, bytesHash } }
}

/** Written to the ledger after an append. Stored as JSON: do not rename members. */
export interface Outcome {
  readonly kind: 'outcome'
  /** Ledger offset of the announcement. */
  readonly of: number
  readonly atMs: number
  /** Indexes of the announced records that were not appended; []: all were. */
  readonly missing: readonly number[]
}

/** An announcement without an outcome. */
export interface OpenAnnouncement extends Announcement {
  /** Its offset in the ledger. */
  readonly ledgerOffset: number
}

/** Returns 96 bits of SHA-256, so that two records of a log never collide by chance. */
export function hashRecord(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 16)
}

/** Returns the indexes of the announced records that are in the log. */
export async function findInLog(
  log: EventLog,
  announcement: OpenAnnouncement,
): Promise<readonly number[]> {
  const { topic, partition, from, records } = announcement
  const missing = new Map<string, number[]>()
  for (const [index, [, , hash]] of records.entries())
    missing.set(hash, [...(missing.get(hash) ?? []), index])
  const found: number[] = []
  const { start, end } = await log.range(topic, partition)
  if (end <= from) return found
  const place = { topic, partition, from: Math.max(from, start) }
  for await (const batch of readRecords(log, place)) {
    for (const { bytes } of batch.records) {
      const index = missing.get(hashRecord(bytes))?.shift()
      if (index !== undefined) found.push(index)
    }
    if (found.length >= records.length) break
  }
  return found
}
