/** Compression of the log by a running engine: slowly while it is idle, or at once on request. */
import type { Clock } from '../kernel/clock.ts'
import type { RunningCommits } from '../lake/compact.ts'
import { type CompressPorts, type CompressResult, compressBeside } from '../lake/compress-log.ts'
import { waitForTurn } from '../lake/idle-pace.ts'
import { Turns } from './turns.ts'

/** Bytes before compression for each second: some six percent of a core. */
const RATE_BYTES = 16 * 1024 * 1024
/** After a start other things come first. */
const START_MS = 30_000
/** How often it looks for segments to compress. */
const LOOK_MS = 60_000
/** When it tries again after an error, such as a full disk. */
const RETRY_MS = 3_600_000

/** What it works with. */
export interface CompressorParts {
  readonly clock: Clock
  readonly engine: RunningCommits & { readonly isIdle: boolean }
  readonly files: CompressPorts
  /** Runs work during which retention removes no file. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>
  readonly onNotice: (text: string) => void
}

/** One of a running engine. It never ends the engine. */
export class LogCompressor {
  readonly #parts: CompressorParts
  readonly #passes = new Turns()
  /** How many requests wait, for which the slow pass hurries. */
  #waiting = 0

  constructor(parts: CompressorParts) {
    this.#parts = parts
  }

  /** Runs until `stop` aborts; never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock, onNotice } = this.#parts
    await clock.sleep(START_MS, stop)
    while (!stop.aborted) {
      let waitMs = LOOK_MS
      try {
        await this.#pass((bytes) => this.#pace(bytes, stop))
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        if (!stop.aborted)
          onNotice(`The log could not be compressed: ${message} The next try is in an hour.`)
        waitMs = RETRY_MS
      }
      await clock.sleep(waitMs, stop)
    }
  }

  /** Compresses everything that may be, without waiting. */
  async compressNow(): Promise<CompressResult> {
    this.#waiting++
    return this.#pass().finally(() => {
      this.#waiting--
    })
  }

  #pass(pace?: (bytes: number) => Promise<void>): Promise<CompressResult> {
    const { engine, files, alone } = this.#parts
    const options = { alone, ...(pace ? { pace } : {}) }
    return this.#passes.take(() => compressBeside(engine, files, options))
  }

  async #pace(bytes: number, stop: AbortSignal): Promise<void> {
    stop.throwIfAborted()
    if (this.#waiting > 0) return
    const { clock, engine } = this.#parts
    const isIdle = () => engine.isIdle || this.#waiting > 0
    await waitForTurn({ clock, isIdle, rateBytes: RATE_BYTES }, bytes, stop)
  }
}
