/** An engine's queries that run or wait: each within its limits, counted once when it has ended. */
import { QueryBounds } from '../../../adapters/duckdb/limited-query.ts'
import { toCancelError } from '../../../adapters/duckdb/query-error.ts'
import type { QueryUsage } from '../../../domain/monitoring/engine-usage.ts'
import {
  engineStopsError,
  type QueryControl,
  type QueryLimits,
} from '../../../domain/sql/query-result.ts'
import { QueryTally } from './query-tally.ts'

/** Until `close`. */
export class RunningQueries {
  readonly #limits: QueryLimits
  readonly #tally = new QueryTally()
  /** What stops each query that runs or waits, and its end. */
  readonly #running = new Map<QueryBounds, Promise<unknown>>()
  #isClosed = false

  constructor(limits: QueryLimits) {
    this.#limits = limits
  }

  /** Starts a query; the error of one that was stopped says by what. */
  async run<T>(control: QueryControl, start: (bounds: QueryBounds) => Promise<T>): Promise<T> {
    const bounds = new QueryBounds(this.#limits, control, toCancelError)
    if (this.#isClosed) bounds.stop(engineStopsError())
    const answer = start(bounds)
    this.#running.set(
      bounds,
      answer.catch(() => undefined),
    )
    try {
      const result = await answer
      this.#tally.add(undefined, false)
      return result
    } catch (error) {
      const { aborted, reason } = bounds.signal
      const fault: unknown = aborted ? reason : error
      this.#tally.add(fault, aborted)
      throw fault
    } finally {
      bounds.release()
      this.#running.delete(bounds)
    }
  }

  /** The queries so far, and those of now, of which `waiting` wait for a place. */
  usage(waiting: number): QueryUsage {
    return { running: this.#running.size - waiting, waiting, ended: this.#tally.read() }
  }

  /** Stops the queries, and resolves when all have ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const bounds of this.#running.keys()) bounds.stop(engineStopsError())
    await Promise.all(this.#running.values())
  }
}
