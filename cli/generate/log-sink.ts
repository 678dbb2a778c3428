/**
 * Writes events to the log: encoded in place and grouped, one append per partition and flush. The
 * next group fills while the last one becomes durable, so disk and simulation work in parallel.
 */
import type { Event } from '../domain/events/contracts.ts'
import { assignPartition } from '../domain/log/assign-partition.ts'
import type { LogWriter } from '../domain/log/event-log.ts'
import { RecordBatch } from '../domain/log/record-batch.ts'
import { breakBytes, isByteFault } from './broken-records.ts'
import { Random } from './random.ts'
import type { Arrival } from './simulation.ts'

/** Where generated events go. */
export interface ArrivalSink {
  /** Returns the partition that the record went to. The arrival object may be reused afterwards. */
  add(arrival: Arrival): number
  /** Starts writing what was added; resolves when more can be added. */
  flush(): Promise<void>
  /** Resolves when everything added is durable. */
  drain(): Promise<void>
}

/** The log to write to; `seed` makes damaged bytes reproducible. */
export interface LogSinkOptions {
  /** One per partition, in order. */
  readonly writers: readonly LogWriter[]
  /** Appends the event as one record in the topic's wire format. */
  readonly encode: (batch: RecordBatch, event: Event) => void
  readonly seed: number
  /** Append time of the records, ms since 1970. */
  readonly nowMs: () => number
  /** Wraps each append, for example to repeat it while the log is unavailable. */
  readonly runAppend?: (append: () => Promise<number>) => Promise<number>
}

/** The sink of `ccs gen`; a visitor's events all go to one partition. */
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
    // The next flush or drain rethrows a failed append; without this, Node would end the process.
    this.#inFlight.catch(() => {})
  }

  async drain(): Promise<void> {
    await this.flush()
    await this.#inFlight
  }
}
