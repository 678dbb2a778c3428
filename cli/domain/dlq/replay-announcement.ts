/** The records of the ledger of replays, and how the log is asked what became of an announced append. */
import { createHash } from 'node:crypto'
import type { EventLog } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import type { SourceKey } from './source-key.ts'

/** A reject that is sent again. */
export interface ReplayedReject {
  /** Its place in events.dlq. */
  readonly partition: number
  readonly offset: number
  /** Of the bytes that are appended. */
  readonly hash: string
  /** 1: the first replay; 2: of a reject that was a replay itself … */
  readonly replayCount: number
  /** Of the rejected record, where others may have rejected it too. */
  readonly sourceKey?: SourceKey
}

export interface Announcement {
  readonly kind: 'replay'
  readonly atMs: number
  /** Of events.dlq: when the topic is made anew, its offsets are those of other rejects. */
  readonly dlq: string | null
  readonly topic: string
  readonly partition: number
  /** Where the partition ended before the append. */
  readonly from: number
  /** Greatest event time of the records, ms. */
  readonly newestMs: number
  readonly records: readonly AnnouncedRecord[]
}

/** Dlq partition, dlq offset, hash, times; and the mark, where there is one. */
export type AnnouncedRecord = readonly [
  ...reject: [number, number, string, number],
  ...sourceKey: [] | [partition: string, offset: number, bytesHash: number],
]

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

export function fromAnnouncedRecord(record: AnnouncedRecord): ReplayedReject {
  const [partition, offset, hash, replayCount, source, sourceOffset, bytesHash] = record
  const replayed = { partition, offset, hash, replayCount }
  if (source === undefined || sourceOffset === undefined || bytesHash === undefined) return replayed
  return { ...replayed, sourceKey: { partition: source, offset: sourceOffset, bytesHash } }
}

export interface Outcome {
  readonly kind: 'outcome'
  /** Offset of the announcement in the ledger. */
  readonly of: number
  readonly atMs: number
  /** Which of its records, counted from 0, did not get into the log; none: all is done. */
  readonly missing: readonly number[]
}

export interface OpenAnnouncement extends Announcement {
  /** In the ledger. */
  readonly ledgerOffset: number
}

/** 96 bits of SHA-256: no two records of a log meet by chance. */
export function hashRecord(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 16)
}

/** Which records of an announced append are in the log, counted from 0. */
export async function findInLog(log: EventLog, step: OpenAnnouncement): Promise<readonly number[]> {
  const { topic, partition, from, records } = step
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
