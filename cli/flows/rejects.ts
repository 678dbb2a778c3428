/**
 * Keeps rejects in events.dlq, each once. After a crash the engine meets the records since its last commit
 * again; those whose reject is in the topic already are known by their source offset and not kept twice.
 */
import type { RejectedEvent } from '../core/contracts.ts'
import type { EventLog, LogWriter, Reject } from '../core/ports.ts'
import { RecordBatch } from '../core/record-batch.ts'

export const DLQ_TOPIC = 'events.dlq'
/** The engine's own partition; `ccs import` keeps its rejects in the next. */
export const ENGINE_PARTITION = 0

export interface RejectCodec {
  readonly encode: (batch: RecordBatch, record: RejectedEvent) => void
  /** undefined for bytes that are no RejectedEvent. */
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
}

export interface RejectKeeper {
  /** Offset after the last reject. */
  readonly end: number
  /** Durable when it resolves; returns the new end. Rejects come in the order of their partition. */
  keep(rejects: readonly Reject[]): Promise<number>
  close(): Promise<void>
}

const BATCH_BYTES = 4 * 1024 * 1024

/** `committedEnd`: the topic's end as of the last commit; 0 before the first. */
export async function openRejects(
  log: EventLog,
  codec: RejectCodec,
  options: { readonly committedEnd: number; readonly owner: string },
): Promise<RejectKeeper> {
  const kept = await keptSince(log, codec, options.committedEnd)
  let end = (await log.range(DLQ_TOPIC, ENGINE_PARTITION)).end
  let writer: LogWriter | undefined
  return {
    get end() {
      return end
    },
    keep: async (rejects) => {
      const fresh = rejects.filter((one) => !kept.get(sourceOf(one))?.has(one.offset))
      for (const batch of batches(codec, fresh)) {
        writer ??= await log.writer(DLQ_TOPIC, ENGINE_PARTITION, options.owner)
        await writer.append(batch.records, batch.last.appendMs)
        for (const one of batch.rejects) note(kept, one)
        end += batch.records.count
      }
      // Remembered until all of them are kept, for the case that this is tried again; no longer.
      for (const one of rejects) kept.get(sourceOf(one))?.delete(one.offset)
      return end
    },
    close: async () => writer?.close(),
  }
}

function* batches(
  codec: RejectCodec,
  rejects: readonly Reject[],
): Generator<{ records: RecordBatch; rejects: readonly Reject[]; last: Reject }> {
  let records = new RecordBatch()
  let from = 0
  for (const [index, reject] of rejects.entries()) {
    codec.encode(records, toRecord(reject))
    if (records.bytes < BATCH_BYTES && index + 1 < rejects.length) continue
    yield { records, rejects: rejects.slice(from, index + 1), last: reject }
    records = new RecordBatch()
    from = index + 1
  }
}

function toRecord(reject: Reject): RejectedEvent {
  return {
    reason: reject.reason,
    message: reject.message,
    topic: reject.topic,
    partition: reject.partition,
    offset: reject.offset,
    first_seen: reject.appendMs,
    schema_id: reject.schemaId,
    origin: null,
    bytes: reject.bytes,
  }
}

/** Source offsets, by source partition, of rejects in the topic that the commit does not count. */
async function keptSince(log: EventLog, codec: RejectCodec, from: number): Promise<Kept> {
  const kept: Kept = new Map()
  const { end } = await log.range(DLQ_TOPIC, ENGINE_PARTITION)
  if (end <= from) return kept
  const reader = await log.reader(DLQ_TOPIC, ENGINE_PARTITION, from)
  try {
    for (;;) {
      const frames = await reader.read(BATCH_BYTES)
      if (frames.length === 0) return kept
      for (const { body } of frames) {
        for (let at = 0; at < body.length; ) {
          const bytes = body.readUInt32LE(at)
          const record = codec.decode(body.subarray(at + 4, at + 4 + bytes))
          if (record) note(kept, record)
          at += 4 + bytes
        }
      }
    }
  } finally {
    await reader.close()
  }
}

type Kept = Map<string, Set<number>>

function note(kept: Kept, one: { topic: string; partition: number; offset: number }): void {
  const source = sourceOf(one)
  const offsets = kept.get(source) ?? new Set()
  kept.set(source, offsets.add(one.offset))
}

function sourceOf(one: { readonly topic: string; readonly partition: number }): string {
  return `${one.topic}-${one.partition}`
}
