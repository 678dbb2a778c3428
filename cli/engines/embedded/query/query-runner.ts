/**
 * Runs SELECTs, each on a connection of its own. Before one runs, the partial Gold of the models
 * that it reads is brought up to date, and no other: models that nobody queries cost nothing until
 * a checkpoint.
 */

import { readDataError } from '../../../adapters/duckdb/data-error.ts'
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { serializeSql } from '../../../adapters/duckdb/sql-ast.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { GuardOptions } from '../../../domain/lake/lake.ts'
import type { QueryUsage } from '../../../domain/monitoring/engine-usage.ts'
import type { MacroSet } from '../../../domain/sql/expand-macros.ts'
import { parseQuery } from '../../../domain/sql/parse-query.ts'
import {
  engineStopsError,
  type QueryControl,
  type QueryLimits,
  type QueryResult,
} from '../../../domain/sql/query-result.ts'
import { findReferences } from '../../../domain/sql/references.ts'
import { followReads } from '../compile.ts'
import { AnswerSize, timeoutError } from './answer-size.ts'
import { setNow } from './catalog.ts'
import { QuerySlots } from './query-slots.ts'
import { QueryTally } from './query-tally.ts'

/** What the runner needs of its engine. */
export interface QueryRunnerOptions {
  /** Model name → names of what its SELECT reads. */
  readonly reads: ReadonlyMap<string, readonly string[]>
  /** Macros of the project, which queries may call. */
  readonly macros: MacroSet
  readonly limits: QueryLimits
  readonly connect: () => Promise<DuckConnection>
  /** Resolves when the named models include all rows ingested so far. */
  readonly bringUpToDate: (models: ReadonlySet<string>) => Promise<void>
  /** Names of the models of kind view, which have no files of their own. */
  readonly views: ReadonlySet<string>
  /** Throws CCS_LAKE_DAMAGED unless the lake files of the named models are intact. */
  readonly requireIntact: (models: ReadonlySet<string>, options: GuardOptions) => Promise<void>
}

/** The models that a query needs. */
interface QueriedModels {
  /** Their own sources included, as rows of Gold are computed from them. */
  readonly all: ReadonlySet<string>
  /** Those whose stored rows are read. */
  readonly stored: ReadonlySet<string>
}

interface AnswerOptions {
  readonly nowMs: number
  readonly rowsMax: number
  readonly signal: AbortSignal
}

/** Queries whose models are remembered. */
const KNOWN_MAX = 200

/** An interruption is lost if DuckDB has not begun the statement yet, so it is repeated. */
const INTERRUPT_EVERY_MS = 100

/** Reuses idle connections; close it before the engine's DuckDB. */
export class QueryRunner {
  readonly #options: QueryRunnerOptions
  readonly #idle: DuckConnection[] = []
  readonly #slots: QuerySlots
  readonly #tally = new QueryTally()
  /** What stops each query that runs or waits, and its end. */
  readonly #running = new Map<AbortController, Promise<unknown>>()
  #isClosed = false
  /** Why a model could not include all rows, if that lies in one of them. */
  failure: CcsError | undefined
  /** SQL → the models that it reads; pages repeat the same queries, which are parsed once. */
  readonly #modelsBySql = new Map<string, QueriedModels>()

  constructor(options: QueryRunnerOptions) {
    this.#options = options
    this.#slots = new QuerySlots(options.limits.concurrency)
  }

  /**
   * Throws CCS_QUERY_INVALID, with DuckDB's message, unless it is one valid SELECT; also on abort.
   * CCS_QUERY_LIMIT if it takes too long, waiting included, or its answer is too large.
   */
  async run(sql: string, nowMs: number, control: QueryControl = {}): Promise<QueryResult> {
    const { limits } = this.#options
    const stop = new AbortController()
    const cancel = () => stop.abort(toCancelError(control.signal?.reason))
    if (control.signal?.aborted) cancel()
    else if (this.#isClosed) stop.abort(engineStopsError())
    control.signal?.addEventListener('abort', cancel, { once: true })
    const timeoutMs = Math.min(limits.timeoutMs, control.timeoutMs ?? Number.POSITIVE_INFINITY)
    const timer = setTimeout(() => stop.abort(timeoutError(timeoutMs)), timeoutMs)
    const rowsMax = Math.min(limits.rowsMax, control.rowsMax ?? Number.POSITIVE_INFINITY)
    const answer = this.#runInSlot(stop.signal, (connection) =>
      this.#answer(connection, sql, { nowMs, rowsMax, signal: stop.signal }),
    )
    this.#running.set(
      stop,
      answer.catch(() => undefined),
    )
    try {
      const result = await answer
      this.#tally.add(undefined, false)
      return result
    } catch (error) {
      const { aborted, reason } = stop.signal
      const fault: unknown = aborted ? reason : toQueryError(error)
      this.#tally.add(fault, aborted)
      throw fault
    } finally {
      clearTimeout(timer)
      control.signal?.removeEventListener('abort', cancel)
      this.#running.delete(stop)
    }
  }

  /** The queries so far, and those of now. */
  usage(): QueryUsage {
    const { waiting } = this.#slots
    return { running: this.#running.size - waiting, waiting, ended: this.#tally.read() }
  }

  async #runInSlot<T>(
    signal: AbortSignal,
    use: (connection: DuckConnection) => Promise<T>,
  ): Promise<T> {
    await this.#slots.take(signal)
    let again: NodeJS.Timeout | undefined
    let interrupt = () => {}
    try {
      const connection = this.#idle.pop() ?? (await this.#connect())
      interrupt = () => {
        connection.interrupt()
        again ??= setInterval(() => connection.interrupt(), INTERRUPT_EVERY_MS)
      }
      signal.addEventListener('abort', interrupt, { once: true })
      try {
        signal.throwIfAborted()
        return await use(connection)
      } finally {
        signal.removeEventListener('abort', interrupt)
        clearInterval(again)
        this.#idle.push(connection)
      }
    } finally {
      this.#slots.release()
    }
  }

  async #connect(): Promise<DuckConnection> {
    const connection = await this.#options.connect()
    // DuckDB buffers so much of a result, but counts texts as 16 bytes, however long they are.
    await connection.run("SET streaming_buffer_size = '1KB'")
    return connection
  }

  async #answer(
    connection: DuckConnection,
    sql: string,
    { nowMs, rowsMax, signal }: AnswerOptions,
  ): Promise<QueryResult> {
    const { all, stored } = await this.#findModels(connection, sql)
    await this.#bringUpToDate(all)
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
    const size = new AnswerSize(rowsMax)
    const { columns, chunks } = await connection.stream(sql, (value) => size.addValue(value))
    const rows: Record<string, unknown>[] = []
    try {
      for await (const chunk of chunks) {
        signal.throwIfAborted()
        size.addRows(chunk.length)
        rows.push(...chunk)
      }
    } catch (error) {
      // Ends the statement, of which rows are left, and the transaction that it holds open.
      await setNow(connection, nowMs).catch(() => undefined)
      throw error
    }
    return { columns, rows }
  }

  async #bringUpToDate(models: ReadonlySet<string>): Promise<void> {
    try {
      await this.#options.bringUpToDate(models)
    } catch (error) {
      const message = readDataError(error)
      if (message === undefined) throw error
      this.failure ??= new CcsError('CCS_QUERY_INVALID', `A model fails on a record: ${message}`, {
        hint: 'The running engine sets the record aside (ccs dlq ls): run the query again.',
        cause: error,
      })
      throw this.failure
    }
  }

  /** Stops the queries that run or wait. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const stop of this.#running.keys()) stop.abort(engineStopsError())
    await Promise.all(this.#running.values())
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  async #findModels(connection: DuckConnection, sql: string): Promise<QueriedModels> {
    const known = this.#modelsBySql.get(sql)
    if (known) return known
    const { macros, reads, views } = this.#options
    const parse = (text: string) => serializeSql(connection, text)
    const names = findReferences(await parseQuery(sql, parse, macros)).map(({ name }) => name)
    const found = {
      all: followReads(names, (name) => reads.get(name)),
      stored: followReads(names, (name) => (views.has(name) ? reads.get(name) : [])),
    }
    if (this.#modelsBySql.size >= KNOWN_MAX) this.#modelsBySql.clear()
    this.#modelsBySql.set(sql, found)
    return found
  }
}

function toCancelError(reason: unknown): CcsError {
  if (reason instanceof CcsError) return reason
  return new CcsError('CCS_QUERY_INVALID', 'The query was cancelled.', { cause: reason })
}

function toQueryError(error: unknown): CcsError {
  if (error instanceof CcsError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new CcsError('CCS_QUERY_INVALID', message.trim(), { cause: error })
}
