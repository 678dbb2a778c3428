/**
 * Arrivals into the log: encoded in place, grouped, one append a partition and flush. While a group is being
 * made durable the next one fills, so the disk and the simulation work at the same time.
 */
import type { Event } from '../domain/events/contracts.ts'
import type { LogWriter } from '../domain/log/event-log.ts'
import { RecordBatch } from '../domain/log/record-batch.ts'
import { assignPartition } from './assign-partition.ts'
import { breakBytes, isByteFault } from './broken-records.ts'
import { Random } from './random.ts'
import type { Arrival } from './simulation.ts'

/** Where arrivals go. */
export interface ArrivalSink {
  /** Takes what it needs of the arrival before it returns; the partition it went to. */
  add(arrival: Arrival): number
  /** Hands on what was added; resolves when there is room for more. */
  flush(): Promise<void>
  /** Resolves when everything added is safe. */
  drain(): Promise<void>
}

export interface LogSinkOptions {
  /** One for each partition, in their order. */
  readonly writers: readonly LogWriter[]
  /** Appends the event as one record, framed as the topic's readers expect it. */
  readonly encode: (batch: RecordBatch, event: Event) => void
  readonly seed: number
  /** The log's clock. */
  readonly nowMs: () => number
  /** Runs each append: repeats one that failed, which has left no trace, or lets its error pass. */
  readonly runAppend?: (append: () => Promise<number>) => Promise<number>
}

export class LogSink implements ArrivalSink {
  readonly #options: LogSinkOptions
  readonly #random: Random
  readonly #scratch = new RecordBatch()
  #filling: RecordBatch[]
  #writing: RecordBatch[]
  #inFlight: Promise<unknown> = Promise.resolve()

  constructor(options: LogSinkOptions) {
    this.#options = options
    this.#random = new Random(options.seed, 2)
    this.#filling = options.writers.map(() => new RecordBatch(1 << 20))
    this.#writing = options.writers.map(() => new RecordBatch(1 << 20))
  }

  add(arrival: Arrival): number {
    const { encode, writers } = this.#options
    const partition = assignPartition(arrival.event.anonymous_id, writers.length)
    const batch = this.#filling[partition]
    if (batch === undefined) throw new RangeError(`there is no partition ${partition}`)
    if (arrival.broken === null || !isByteFault(arrival.broken)) encode(batch, arrival.event)
    else {
      const good = this.#scratch.encodeOne((scratch) => encode(scratch, arrival.event))
      batch.add(breakBytes(arrival.broken, good, this.#random))
    }
    return partition
  }

  async flush(): Promise<void> {
    await this.#inFlight
    const full = this.#filling
    this.#filling = this.#writing
    this.#writing = full
    for (const batch of this.#filling) batch.clear()
    const { writers, nowMs, runAppend } = this.#options
    const appends = writers.map(async (writer, partition) => {
      const batch = full[partition]
      if (batch === undefined || batch.count === 0) return
      const append = () => writer.append(batch, nowMs())
      await (runAppend?.(append) ?? append())
    })
    this.#inFlight = Promise.all(appends)
    // A failed append is met by the next flush or drain, not by the process.
    this.#inFlight.catch(() => {})
  }

  async drain(): Promise<void> {
    await this.flush()
    await this.#inFlight
  }
}
