/**
 * Runs SELECTs, each on a connection of its own. Before one runs, the partial Gold of the models
 * that it reads is brought up to date, and no other: models that nobody queries cost nothing until
 * a checkpoint.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { ModelFinder, type ModelReads } from '../../../adapters/duckdb/find-models.ts'
import {
  type QueryBounds,
  readWithin,
  STREAMING_SETTING,
  untilAborted,
} from '../../../adapters/duckdb/limited-query.ts'
import { setNow } from '../../../adapters/duckdb/model-catalog.ts'
import { toQueryError } from '../../../adapters/duckdb/query-error.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { GuardOptions } from '../../../domain/lake/lake.ts'
import type { QueryResult } from '../../../domain/sql/query-result.ts'
import { QuerySlots } from './query-slots.ts'

/** What the runner needs of its engine. */
export interface QueryRunnerOptions extends ModelReads {
  /** How many run at once. */
  readonly concurrency: number
  readonly connect: () => Promise<DuckConnection>
  /** Resolves when the named models include all rows ingested so far. */
  readonly bringUpToDate: (models: ReadonlySet<string>) => Promise<void>
  /** Throws CCS_LAKE_DAMAGED unless the lake files of the named models are intact. */
  readonly requireIntact: (models: ReadonlySet<string>, options: GuardOptions) => Promise<void>
}

/** What a query may use, and when it has to end. */
export type WithinBounds = Pick<QueryBounds, 'rowsMax' | 'signal'>

interface AnswerOptions extends WithinBounds {
  readonly nowMs: number
}

/** Reuses idle connections; close it before the engine's DuckDB. */
export class QueryRunner {
  readonly #options: QueryRunnerOptions
  readonly #idle: DuckConnection[] = []
  readonly #slots: QuerySlots
  readonly #models: ModelFinder

  constructor(options: QueryRunnerOptions) {
    this.#options = options
    this.#slots = new QuerySlots(options.concurrency)
    this.#models = new ModelFinder(options)
  }

  /**
   * Throws CCS_QUERY_INVALID, with DuckDB's message, unless it is one valid SELECT; also on abort.
   * CCS_QUERY_LIMIT if its answer is too large.
   */
  async run(sql: string, nowMs: number, { rowsMax, signal }: WithinBounds): Promise<QueryResult> {
    try {
      return await this.#runInSlot(signal, (connection) =>
        this.#answer(connection, sql, { nowMs, rowsMax, signal }),
      )
    } catch (error) {
      throw toQueryError(error)
    }
  }

  /** How many queries wait for a place. */
  get waiting(): number {
    return this.#slots.waiting
  }

  async #runInSlot<T>(
    signal: AbortSignal,
    use: (connection: DuckConnection) => Promise<T>,
  ): Promise<T> {
    await this.#slots.take(signal)
    try {
      const connection = this.#idle.pop() ?? (await this.#connect())
      try {
        return await untilAborted(connection, signal, () => use(connection))
      } finally {
        this.#idle.push(connection)
      }
    } finally {
      this.#slots.release()
    }
  }

  async #connect(): Promise<DuckConnection> {
    const connection = await this.#options.connect()
    await connection.run(STREAMING_SETTING)
    return connection
  }

  async #answer(
    connection: DuckConnection,
    sql: string,
    { nowMs, rowsMax, signal }: AnswerOptions,
  ): Promise<QueryResult> {
    const { all, stored } = await this.#models.find(connection, sql)
    await this.#options.bringUpToDate(all)
    await this.#options.requireIntact(stored, { signal })
    await setNow(connection, nowMs)
    signal.throwIfAborted()
    try {
      return await this.#stream(connection, sql, { nowMs, rowsMax, signal })
    } catch (error) {
      // A file that was changed or deleted since is a reason for whatever DuckDB says.
      if (!(error instanceof CcsError) && !signal.aborted)
        await this.#options.requireIntact(stored, { signal, isSuspect: true })
      throw error
    }
  }

  async #stream(
    connection: DuckConnection,
    sql: string,
    { nowMs, rowsMax, signal }: AnswerOptions,
  ): Promise<QueryResult> {
    try {
      return await readWithin(connection, sql, { rowsMax, signal })
    } catch (error) {
      // Ends the statement, of which rows are left, and the transaction that it holds open.
      await setNow(connection, nowMs).catch(() => undefined)
      throw error
    }
  }

  /** Call when no query runs any more. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }
}
