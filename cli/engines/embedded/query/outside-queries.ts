/**
 * Runs the queries of people outside of the engine's process, each in a process of its own that is
 * kept for the next one. A query is ended by ending its process, so nothing that it does can keep
 * the engine waiting.
 *
 * `query.concurrency` of them may compute for long; there is one more place, so that small queries
 * are answered beside them, and one more for queries that were small the last time, so that whoever
 * repeats one does not wait for others that nobody knows yet. A query that turns out to be long
 * while as many are running as may is put off, and starts again when one of them has ended. Long
 * ones get the least priority, for good, and the next time they count as long from the start.
 */
import type { QueriedModels } from '../../../adapters/duckdb/find-models.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { GuardOptions } from '../../../domain/lake/lake.ts'
import type { WrittenAnswer } from '../../../domain/sql/query-result.ts'
import type { HandedRows } from './hand-over.ts'
import { KnownQueries } from './known-queries.ts'
import type { QueryProcess } from './query-process.ts'
import type { WithinBounds } from './query-runner.ts'
import { QuerySlots } from './query-slots.ts'

/** What the queries need of their engine. */
export interface OutsideQueryOptions {
  /** How many may compute for long. */
  readonly concurrency: number
  /** Starts a process. */
  readonly start: () => Promise<QueryProcess>
  readonly handOver: (models: QueriedModels) => Promise<HandedRows>
  /** Throws CCS_LAKE_DAMAGED unless the lake files of the named models are intact. */
  readonly requireIntact: (models: ReadonlySet<string>, options: GuardOptions) => Promise<void>
  /** Serial of the commit whose files queries read now. */
  readonly serial: () => number
  /** Times of the rules above, for tests. */
  readonly times?: { readonly waitMs?: number; readonly idleMs?: number }
}

/** A query is long from some CPU time on, and after so long whatever it waits for. */
const LONG_WAIT_MS = 10_000
/** So long a process waits for the next query. */
const IDLE_MS = 60_000
/** So long a process of a query that is asked again and again is kept for the next time. */
const KEPT_MS = 3_000
/** A process that holds more than this share of its memory between queries is not used again. */
const RESIDENT_SHARE_MAX = 0.6
/** Files of the lake are replaced under a query very rarely, and never twice. */
const ATTEMPTS = 2

/** Errors of costly queries: of time, memory or rows they took too much, or their process died. */
const COSTLY: ReadonlySet<string> = new Set(['CCS_QUERY_LIMIT', 'CCS_QUERY_CRASHED'])

const PUT_OFF = Symbol('put off')

interface Asked extends WithinBounds {
  readonly sql: string
  readonly nowMs: number
  /** Whether it holds one of the places for long queries. */
  isLong: boolean
}

/** A process that waits for a query. */
interface Idle {
  readonly timer: NodeJS.Timeout
  /** Until then it is kept for the repetition of its last query. */
  readonly keptUntilMs: number
}

/** Close it before the hand-over. */
export class OutsideQueries {
  readonly #options: OutsideQueryOptions
  readonly #places: QuerySlots
  readonly #longPlaces: QuerySlots
  readonly #knownPlaces: QuerySlots
  readonly #idle = new Map<QueryProcess, Idle>()
  readonly #ending = new Set<Promise<void>>()
  readonly #known = new KnownQueries()

  constructor(options: OutsideQueryOptions) {
    const { concurrency } = options
    this.#options = options
    this.#places = new QuerySlots(concurrency + 1)
    this.#longPlaces = new QuerySlots(concurrency)
    // Where only one may be long, memory is short.
    this.#knownPlaces = new QuerySlots(concurrency > 1 ? 1 : 0)
  }

  /** As QueryRunner.run; also CCS_QUERY_LIMIT for its memory, and CCS_QUERY_CRASHED. */
  run(sql: string, nowMs: number, { signal, rowsMax }: WithinBounds): Promise<WrittenAnswer> {
    return this.#runInTurn({ sql, nowMs, rowsMax, signal, isLong: false })
  }

  /** How many queries wait for a place. */
  get waiting(): number {
    const places = [this.#places, this.#longPlaces, this.#knownPlaces]
    return places.reduce((sum, one) => sum + one.waiting, 0)
  }

  /** Ends all processes. Call when no query runs any more. */
  async close(): Promise<void> {
    for (const process of [...this.#idle.keys()]) this.#retire(process)
    await Promise.all(this.#ending)
  }

  async #runInTurn(asked: Asked): Promise<WrittenAnswer> {
    try {
      for (let isPutOff = false; ; isPutOff = true) {
        const wasLong = isPutOff || this.#known.wasLong(asked.sql)
        if (wasLong) {
          await this.#longPlaces.take(asked.signal)
          asked.isLong = true
        }
        const places = await this.#takePlace(wasLong === false, asked.signal)
        const outcome = await this.#runRepeatedly(asked).finally(() => places.release())
        if (outcome !== PUT_OFF) return outcome
      }
    } finally {
      if (asked.isLong) this.#longPlaces.release()
    }
  }

  /** Returns where the place is to be released. */
  async #takePlace(isKnown: boolean, signal: AbortSignal): Promise<QuerySlots> {
    const places = [this.#places, ...(isKnown ? [this.#knownPlaces] : [])]
    const free = places.find((one) => one.tryTake())
    if (free) return free
    const awaited = isKnown && this.#knownPlaces.count > 0 ? this.#knownPlaces : this.#places
    await awaited.take(signal)
    return awaited
  }

  /** Once more if the lake's files were replaced under it, so that one may be gone. */
  async #runRepeatedly(asked: Asked): Promise<WrittenAnswer | typeof PUT_OFF> {
    for (let attempt = 1; ; attempt++) {
      let read: { readonly stored: ReadonlySet<string>; readonly serial: number } | undefined
      const process = await this.#takeProcess(asked)
      try {
        return await this.#runOn(process, asked, (models, { serial }) => {
          read = { stored: models.stored, serial }
        })
      } catch (error) {
        if (asked.signal.aborted || read === undefined || isRefused(error)) throw error
        // A file that was changed or deleted since is a reason for whatever DuckDB says.
        const options = { signal: asked.signal, isSuspect: true }
        await this.#options.requireIntact(read.stored, options)
        if (read.serial === this.#options.serial() || attempt === ATTEMPTS) throw error
      } finally {
        this.#giveBack(process, asked.sql)
      }
    }
  }

  async #runOn(
    process: QueryProcess,
    asked: Asked,
    onRead: (models: QueriedModels, rows: HandedRows) => void,
  ): Promise<WrittenAnswer | typeof PUT_OFF> {
    const { signal, ...query } = asked
    let handed: HandedRows | undefined
    let isPutOff = false
    const end = () => process.kill()
    let timer: NodeJS.Timeout | undefined
    let isLong = false
    const lowerOrPutOff = () => {
      if (isLong) return
      isLong = true
      this.#known.remember(asked.sql, true)
      if (this.#becomesLong(asked)) return process.lower()
      isPutOff = true
      process.kill()
    }
    if (asked.isLong) process.lower()
    signal.addEventListener('abort', end, { once: true })
    try {
      signal.throwIfAborted()
      await process.opened()
      timer = setTimeout(lowerOrPutOff, this.#options.times?.waitMs ?? LONG_WAIT_MS)
      const findRows = async (models: QueriedModels) => {
        handed = await this.#findRows(models, signal)
        onRead(models, handed)
        return handed.models
      }
      const answer = await process.ask(query, findRows, lowerOrPutOff)
      this.#known.remember(asked.sql, isLong)
      return answer
    } catch (error) {
      if (isPutOff && !signal.aborted) return PUT_OFF
      if (error instanceof CcsError && COSTLY.has(error.code)) this.#known.remember(asked.sql, true)
      throw error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      // A process that is ending may still read; what it reads has to stay so long.
      if (process.isAlive && !signal.aborted && !isPutOff) handed?.release()
      else void process.ended.then(() => handed?.release())
    }
  }

  #becomesLong(asked: Asked): boolean {
    asked.isLong ||= this.#longPlaces.tryTake()
    return asked.isLong
  }

  async #findRows(models: QueriedModels, signal: AbortSignal): Promise<HandedRows> {
    if (models.stored.size === 0) return { serial: 0, models: [], release: () => undefined }
    const handed = await this.#options.handOver(models)
    try {
      await this.#options.requireIntact(models.stored, { signal })
      return handed
    } catch (error) {
      handed.release()
      throw error
    }
  }

  async #takeProcess({ sql, signal, isLong }: Asked): Promise<QueryProcess> {
    signal.throwIfAborted()
    const nowMs = this.#known.isPolled(sql) ? Number.POSITIVE_INFINITY : performance.now()
    for (const [process, { timer, keptUntilMs }] of this.#idle) {
      if (keptUntilMs > nowMs || process.isLow !== isLong) continue
      clearTimeout(timer)
      this.#idle.delete(process)
      if (process.isAlive) return process
    }
    return this.#options.start()
  }

  #giveBack(process: QueryProcess, sql: string): void {
    if (!process.isReady || process.residentShare > RESIDENT_SHARE_MAX) {
      this.#retire(process)
      return
    }
    // Those that wait longest go, so that there are never more than may run at once.
    const [oldest] = this.#idle.keys()
    if (oldest && this.#idle.size >= this.#places.count) this.#retire(oldest)
    const timer = setTimeout(() => this.#retire(process), this.#options.times?.idleMs ?? IDLE_MS)
    timer.unref()
    const keptUntilMs = this.#known.isPolled(sql) ? performance.now() + KEPT_MS : 0
    this.#idle.set(process, { timer, keptUntilMs })
  }

  #retire(process: QueryProcess): void {
    clearTimeout(this.#idle.get(process)?.timer)
    this.#idle.delete(process)
    process.kill()
    const gone = process.ended.then(() => void this.#ending.delete(gone))
    this.#ending.add(gone)
  }
}

/** Whether a rule of ccs refused the query: then its files are not the reason. */
function isRefused(error: unknown): boolean {
  return error instanceof CcsError && error.code !== 'CCS_QUERY_INVALID'
}
