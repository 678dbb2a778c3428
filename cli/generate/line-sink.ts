/** Writes events as NDJSON; a record that is no event becomes a line with its bytes in base64. */
import type { Event } from '../domain/events/contracts.ts'
import { RecordBatch } from '../domain/log/record-batch.ts'
import { breakBytes, isByteFault } from './broken-records.ts'
import type { ArrivalSink } from './log-sink.ts'
import { Random } from './random.ts'
import type { Arrival } from './simulation.ts'

/** Where lines go; `seed` makes damaged bytes reproducible. */
export interface LineSinkOptions {
  /** Gets whole lines without the final line break; resolves when more can be written. */
  readonly write: (text: string) => Promise<void>
  readonly encode: (batch: RecordBatch, event: Event) => void
  readonly seed: number
}

/** The sink of `ccs gen --stdout`. Everything counts as partition 0. */
export class LineSink implements ArrivalSink {
  readonly #options: LineSinkOptions
  readonly #random: Random
  readonly #scratch = new RecordBatch()
  #lines: string[] = []

  constructor(options: LineSinkOptions) {
    this.#options = options
    this.#random = new Random(options.seed, 2)
  }

  add(arrival: Arrival): number {
    if (arrival.broken === null || !isByteFault(arrival.broken)) {
      this.#lines.push(JSON.stringify(arrival.event))
      return 0
    }
    const good = this.#scratch.encodeOne((batch) => this.#options.encode(batch, arrival.event))
    const bytes = breakBytes(arrival.broken, good, this.#random)
    this.#lines.push(JSON.stringify({ bytes: Buffer.from(bytes).toString('base64') }))
    return 0
  }

  async flush(): Promise<void> {
    const text = this.#lines.join('\n')
    this.#lines = []
    if (text !== '') await this.#options.write(text)
  }

  drain(): Promise<void> {
    return this.flush()
  }
}
