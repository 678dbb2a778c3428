/**
 * Writes rejects to events.dlq, each once. After a crash the engine reads the records since its
 * last commit again; rejects that are already in the topic are recognized by their source offset.
 * During this replay, a commit stores the offset of the first reject that the engine has not
 * reached again.
 */
import type { RejectedEvent } from '../events/contracts.ts'
import type { PartitionPosition } from '../lake/manifest.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { DLQ_TOPIC, ENGINE_PARTITION } from '../log/topics.ts'
import type { FailingRecord } from './failing-record.ts'
import type { Reject } from './reject.ts'

/** Encodes and decodes records of events.dlq. */
export interface RejectCodec {
  readonly encode: (batch: RecordBatch, record: RejectedEvent) => void
  /** undefined if the bytes are not a RejectedEvent. */
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
}

/** Writes the rejects of one engine. */
export interface RejectWriter {
  /** Offset after the last reject of the topic. */
  readonly end: number
  /** The `dlqEnd` of a commit: all rejects before it belong to records that the engine has read. */
  readonly replayedEnd: number
  /**
   * Records that were set aside since the commit, because a model failed on them. They stay set
   * aside when they are read again, whatever the models do with them now.
   */
  readonly setAside: readonly FailingRecord[]
  /**
   * Durable when it resolves; returns the new `replayedEnd`. Within a partition, rejects must come
   * in order. May be repeated after a failure.
   */
  write(rejects: readonly Reject[]): Promise<number>
  close(): Promise<void>
}

const BATCH_BYTES = 4 * 1024 * 1024

/** Where to resume, and who writes. */
export interface RejectWriterOptions {
  /** Of the last commit; absent if there is none. */
  readonly committed?: { readonly dlqEnd: number; readonly positions: readonly PartitionPosition[] }
  readonly owner: string
  /** Finds the `origin` of rejects; without it, none has one. */
  readonly findOrigins?: OriginFinder
  /** Sees rejects that are not in the topic yet; if it throws, none of them is written. */
  readonly beforeWrite?: (fresh: readonly Reject[]) => void
}

/** For each reject, the rejected record that it is a replay of, or null. */
export type OriginFinder = (rejects: readonly Reject[]) => Promise<readonly (string | null)[]>

/** Reads the rejects since the last commit, so that they are not written again. */
export async function openRejectWriter(
  log: EventLog,
  codec: RejectCodec,
  { committed, owner, findOrigins, beforeWrite }: RejectWriterOptions,
): Promise<RejectWriter> {
  const uncommitted = await readUncommitted(log, codec, committed)
  const written: WrittenRejects = new Map()
  for (const one of uncommitted) remember(written, one)
  const isNew = (one: RecordPlace) => !written.get(partitionName(one))?.has(one.offset)
  let replayed = 0
  let end = (await log.range(DLQ_TOPIC, ENGINE_PARTITION)).end
  let writer: LogWriter | undefined
  const replayedEnd = () => {
    // Once its record was read again, a reject is no longer in `written`.
    for (let next = uncommitted[replayed]; next && isNew(next); next = uncommitted[replayed])
      replayed++
    return uncommitted[replayed]?.at ?? end
  }
  return {
    get end() {
      return end
    },
    get replayedEnd() {
      return replayedEnd()
    },
    setAside: uncommitted.flatMap(({ failing }) => failing ?? []),
    write: async (rejects) => {
      const fresh = rejects.filter(isNew)
      beforeWrite?.(fresh)
      const origins = (fresh.length > 0 && (await findOrigins?.(fresh))) || []
      for (const batch of batches(codec, fresh, origins)) {
        writer ??= await log.writer(DLQ_TOPIC, ENGINE_PARTITION, owner)
        await writer.append(batch.records, batch.last.appendMs)
        for (const one of batch.rejects) remember(written, one)
        end += batch.records.count
      }
      // Forgotten only now: had a batch failed, a retry must not write the others again.
      for (const one of rejects) written.get(partitionName(one))?.delete(one.offset)
      return replayedEnd()
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

/** The record of events.dlq. */
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
    model: reject.model ?? null,
    bytes: reject.bytes,
  }
}

/** Where a rejected record is in the log. */
interface RecordPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** A reject in the topic, at offset `at`. */
interface WrittenReject extends RecordPlace {
  readonly at: number
  /** Only if a model failed on the record. */
  readonly failing?: FailingRecord
}

/**
 * Rejects in the topic that the last commit does not include and whose records will be read again,
 * in the order of the topic.
 */
async function readUncommitted(
  log: EventLog,
  codec: RejectCodec,
  committed: RejectWriterOptions['committed'],
): Promise<readonly WrittenReject[]> {
  const next = new Map(committed?.positions.map((one) => [partitionName(one), one.nextOffset]))
  const found: WrittenReject[] = []
  const { start, end } = await log.range(DLQ_TOPIC, ENGINE_PARTITION)
  // Retention may have removed the oldest.
  const from = Math.max(start, committed?.dlqEnd ?? 0)
  if (end <= from) return found
  const place = { topic: DLQ_TOPIC, partition: ENGINE_PARTITION, from }
  for await (const { records } of readRecords(log, place))
    for (const { offset: at, bytes } of records) {
      const record = codec.decode(bytes)
      if (!record || record.offset < (next.get(partitionName(record)) ?? 0)) continue
      const { topic, partition, offset, model, message } = record
      const place = { topic, partition, offset }
      const failing = model === null ? {} : { failing: { ...place, model, message } }
      found.push({ ...place, at, ...failing })
    }
  return found
}

type WrittenRejects = Map<string, Set<number>>

function remember(written: WrittenRejects, one: RecordPlace): void {
  const source = partitionName(one)
  const offsets = written.get(source) ?? new Set()
  written.set(source, offsets.add(one.offset))
}

function partitionName(one: { readonly topic: string; readonly partition: number }): string {
  return `${one.topic}-${one.partition}`
}
