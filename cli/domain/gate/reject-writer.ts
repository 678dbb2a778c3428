/**
 * Keeps rejects in events.dlq, each once. After a crash the engine meets the records since its last commit
 * again; those whose reject is in the topic already are known by their source offset and not kept twice. A
 * commit on the way counts the topic only up to the first that was not met again yet.
 */
import type { RejectedEvent } from '../events/contracts.ts'
import type { PartitionPosition } from '../lake/manifest.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { DLQ_TOPIC, ENGINE_PARTITION } from '../log/topics.ts'
import type { Reject } from './reject.ts'

/** The engine's own partition; `ccs import` keeps its rejects in the next. */

export interface RejectCodec {
  readonly encode: (batch: RecordBatch, record: RejectedEvent) => void
  /** undefined for bytes that are no RejectedEvent. */
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
}

export interface RejectWriter {
  /** Offset after the last reject of the topic. */
  readonly end: number
  /** Up to where rejects belong to records that the engine has met: what a commit says. */
  readonly replayedEnd: number
  /** Durable when it resolves; returns the new `metEnd`. Rejects come in the order of their partition. */
  write(rejects: readonly Reject[]): Promise<number>
  close(): Promise<void>
}

const BATCH_BYTES = 4 * 1024 * 1024

export interface RejectWriterOptions {
  /** The last commit's; nothing is committed yet when absent. */
  readonly committed?: { readonly dlqEnd: number; readonly positions: readonly PartitionPosition[] }
  readonly owner: string
  /** What stands behind rejected records, as `origin` keeps it; none of them has any when absent. */
  readonly findOrigins?: OriginFinder
}

/** Gives an origin or null for each of the rejects. */
export type OriginFinder = (rejects: readonly Reject[]) => Promise<readonly (string | null)[]>

export async function openRejectWriter(
  log: EventLog,
  codec: RejectCodec,
  { committed, owner, findOrigins }: RejectWriterOptions,
): Promise<RejectWriter> {
  const earlier = await readUncommitted(log, codec, committed)
  const kept: Kept = new Map()
  for (const one of earlier) remember(kept, one)
  const isMet = (one: RecordPlace) => !kept.get(partitionName(one))?.has(one.offset)
  let met = 0
  let end = (await log.range(DLQ_TOPIC, ENGINE_PARTITION)).end
  let writer: LogWriter | undefined
  const metEnd = () => {
    for (let next = earlier[met]; next && isMet(next); next = earlier[met]) met++
    return earlier[met]?.at ?? end
  }
  return {
    get end() {
      return end
    },
    get replayedEnd() {
      return metEnd()
    },
    write: async (rejects) => {
      const fresh = rejects.filter(isMet)
      const origins = (fresh.length > 0 && (await findOrigins?.(fresh))) || []
      for (const batch of batches(codec, fresh, origins)) {
        writer ??= await log.writer(DLQ_TOPIC, ENGINE_PARTITION, owner)
        await writer.append(batch.records, batch.last.appendMs)
        for (const one of batch.rejects) remember(kept, one)
        end += batch.records.count
      }
      // Remembered until all of them are kept, for the case that this is tried again; no longer.
      for (const one of rejects) kept.get(partitionName(one))?.delete(one.offset)
      return metEnd()
    },
    close: async () => writer?.close(),
  }
}

function* batches(
  codec: RejectCodec,
  rejects: readonly Reject[],
  origins: readonly (string | null)[],
): Generator<{ records: RecordBatch; rejects: readonly Reject[]; last: Reject }> {
  let records = new RecordBatch()
  let from = 0
  for (const [index, reject] of rejects.entries()) {
    codec.encode(records, toRejectedEvent(reject, origins[index] ?? null))
    if (records.bytes < BATCH_BYTES && index + 1 < rejects.length) continue
    yield { records, rejects: rejects.slice(from, index + 1), last: reject }
    records = new RecordBatch()
    from = index + 1
  }
}

/** As it stands in events.dlq. */
export function toRejectedEvent(reject: Reject, origin: string | null): RejectedEvent {
  return {
    reason: reject.reason,
    message: reject.message,
    topic: reject.topic,
    partition: reject.partition,
    offset: reject.offset,
    first_seen: reject.appendMs,
    schema_id: reject.schemaId,
    origin,
    bytes: reject.bytes,
  }
}

/** Where a rejected record stands. */
interface RecordPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** Sources of rejects that the commit does not count and that are met again, in the order of the topic. */
async function readUncommitted(
  log: EventLog,
  codec: RejectCodec,
  committed: RejectWriterOptions['committed'],
): Promise<readonly (RecordPlace & { readonly at: number })[]> {
  const from = committed?.dlqEnd ?? 0
  const next = new Map(committed?.positions.map((one) => [partitionName(one), one.nextOffset]))
  const found: (RecordPlace & { readonly at: number })[] = []
  const { end } = await log.range(DLQ_TOPIC, ENGINE_PARTITION)
  if (end <= from) return found
  const place = { topic: DLQ_TOPIC, partition: ENGINE_PARTITION, from }
  for await (const { records } of readRecords(log, place))
    for (const { offset: at, bytes } of records) {
      const record = codec.decode(bytes)
      if (!record || record.offset < (next.get(partitionName(record)) ?? 0)) continue
      const { topic, partition, offset } = record
      found.push({ topic, partition, offset, at })
    }
  return found
}

type Kept = Map<string, Set<number>>

function remember(kept: Kept, one: RecordPlace): void {
  const source = partitionName(one)
  const offsets = kept.get(source) ?? new Set()
  kept.set(source, offsets.add(one.offset))
}

function partitionName(one: { readonly topic: string; readonly partition: number }): string {
  return `${one.topic}-${one.partition}`
}
