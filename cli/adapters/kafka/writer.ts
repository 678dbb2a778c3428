/**
 * Writes one partition of a Kafka topic: records are packed into batches that the topic accepts,
 * sent one at a time, each with the number of its first record. An attempt that may have failed is
 * repeated with the same number, so the batch is written once.
 */
import { gzipSync } from 'node:zlib'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { LogWriter } from '../../domain/log/event-log.ts'
import { encodeBatch, type PackedRecords } from '../../domain/log/kafka-batch.ts'
import type { RecordBatch } from '../../domain/log/record-batch.ts'
import type { KafkaStream } from './stream.ts'
import { WireError } from './wire.ts'

/** How to write a partition. */
export interface KafkaWriterOptions {
  readonly topic: string
  readonly partition: number
  /** The topic's name with the prefix. */
  readonly name: string
  /** Largest record batch that the topic accepts. */
  readonly bytesMax: number
  readonly withRetry: <T>(run: () => Promise<T>) => Promise<T>
}

const BATCH_BYTES = 61
/** Most bytes around a record. */
const RECORD_BYTES = 24
const SEQUENCES = 2 ** 31

interface Identity {
  readonly producerId: bigint
  readonly epoch: number
}

/** One writer of one partition. */
export class KafkaWriter implements LogWriter {
  readonly topic: string
  readonly partition: number
  readonly #stream: KafkaStream
  readonly #options: KafkaWriterOptions
  #identity: Identity | undefined
  /** Number of the next record under this producer id. */
  #sequence = 0
  #appendMs = 0
  #end: number | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(stream: KafkaStream, options: KafkaWriterOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.#stream = stream
    this.#options = options
  }

  /**
   * Appends wait for each other; the batch must not change until its append is done. If it does
   * not fit into one batch of Kafka, several are sent: all of them, unless the process ends.
   */
  append(batch: RecordBatch, appendMs: number): Promise<number> {
    if (this.#isClosed) return Promise.reject(new Error('the log writer is closed'))
    const result = this.#queue.then(() => this.#append(batch, appendMs))
    this.#queue = result.catch(() => undefined)
    return result
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#queue
  }

  async #append(batch: RecordBatch, wantedMs: number): Promise<number> {
    const { name, partition, bytesMax, withRetry } = this.#options
    if (batch.count === 0)
      return this.#end ?? (await withRetry(() => this.#stream.range(name, partition))).end
    this.#appendMs = Math.max(this.#appendMs, wantedMs)
    let first: number | undefined
    for (const packed of splitBatch(batch, bytesMax)) {
      const offset = await this.#send(packed)
      first ??= offset
      this.#end = offset + packed.count
    }
    return first ?? 0
  }

  async #send(packed: PackedRecords): Promise<number> {
    const { name, partition, bytesMax, withRetry } = this.#options
    for (let attempt = 0; ; attempt++) {
      this.#identity ??= await withRetry(() => this.#stream.producerId())
      const sequence = { ...this.#identity, first: this.#sequence }
      const isLarge = packed.to - packed.from + BATCH_BYTES + RECORD_BYTES > bytesMax
      const bytes = encodeBatch(packed, this.#appendMs, sequence, isLarge ? gzipSync : undefined)
      if (bytes.length > bytesMax) throw tooLargeError(name, bytes.length, bytesMax)
      try {
        const offset = await withRetry(() => this.#stream.produce(name, partition, bytes))
        this.#sequence = (this.#sequence + packed.count) % SEQUENCES
        return offset
      } catch (error) {
        if (attempt > 0 || !isProducerForgotten(error)) throw error
        this.#identity = undefined
        this.#sequence = 0
      }
    }
  }
}

/** Kafka rejected the batch because it has forgotten this producer; nothing was written. */
function isProducerForgotten(error: unknown): boolean {
  const cause = error instanceof CcsError ? error.cause : undefined
  return cause instanceof WireError && /SEQUENCE|PRODUCER/.test(cause.type)
}

/** Batches of as many records as surely fit; a record that does not is alone. */
function* splitBatch({ body, count }: RecordBatch, bytesMax: number): Generator<PackedRecords> {
  let from = 0
  let to = 0
  let bytes = BATCH_BYTES
  let records = 0
  for (let left = count; left > 0; left--) {
    const next = body.readUInt32LE(to) + RECORD_BYTES
    if (records > 0 && bytes + next > bytesMax) {
      yield { body, from, to, count: records }
      from = to
      bytes = BATCH_BYTES
      records = 0
    }
    to += 4 + body.readUInt32LE(to)
    bytes += next
    records++
  }
  if (records > 0) yield { body, from, to, count: records }
}

function tooLargeError(name: string, bytes: number, bytesMax: number): CcsError {
  return new CcsError(
    'CCS_LOG_RECORD_TOO_LARGE',
    `A record of ${bytes} bytes is too large for ${name}, which takes ${bytesMax}.`,
    { hint: `Raise max.message.bytes of ${name}.` },
  )
}
