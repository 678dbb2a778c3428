/**
 * Runs SELECTs, each on a connection of its own. Before one runs, the partial Gold of the models
 * that it reads is brought up to date, and no other: models that nobody queries cost nothing until
 * a checkpoint.
 */

import { readDataError } from '../../../adapters/duckdb/data-error.ts'
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { serializeSql } from '../../../adapters/duckdb/sql-ast.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { MacroSet } from '../../../domain/sql/expand-macros.ts'
import { parseQuery } from '../../../domain/sql/parse-query.ts'
import type { QueryResult } from '../../../domain/sql/query-result.ts'
import { findReferences } from '../../../domain/sql/references.ts'
import { setNow } from './catalog.ts'

/** What the runner needs of its engine. */
export interface QueryRunnerOptions {
  /** Model name → names of what its SELECT reads. */
  readonly reads: ReadonlyMap<string, readonly string[]>
  /** Macros of the project, which queries may call. */
  readonly macros: MacroSet
  readonly connect: () => Promise<DuckConnection>
  /** Resolves when the named models include all rows ingested so far. */
  readonly bringUpToDate: (models: ReadonlySet<string>) => Promise<void>
}

/** Queries whose models are remembered. */
const KNOWN_MAX = 200

/** Reuses idle connections; close it before the engine's DuckDB. */
export class QueryRunner {
  readonly #options: QueryRunnerOptions
  readonly #idle: DuckConnection[] = []
  /** Why a model could not include all rows, if that lies in one of them. */
  failure: CcsError | undefined
  /** SQL → the models that it reads; pages repeat the same queries, which are parsed once. */
  readonly #modelsBySql = new Map<string, ReadonlySet<string>>()

  constructor(options: QueryRunnerOptions) {
    this.#options = options
  }

  /**
   * Throws CCS_QUERY_INVALID, with DuckDB's message, unless it is one valid SELECT; also on abort.
   */
  async run(sql: string, nowMs: number, signal?: AbortSignal): Promise<QueryResult> {
    const connection = this.#idle.pop() ?? (await this.#options.connect())
    const interrupt = () => connection.interrupt()
    try {
      await this.#bringUpToDate(await this.#findModels(connection, sql))
      await setNow(connection, nowMs)
      signal?.addEventListener('abort', interrupt, { once: true })
      signal?.throwIfAborted()
      return await connection.all(sql)
    } catch (error) {
      throw toQueryError(error)
    } finally {
      signal?.removeEventListener('abort', interrupt)
      this.#idle.push(connection)
    }
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

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  /** Models that a query reads, directly or through other models. */
  async #findModels(connection: DuckConnection, sql: string): Promise<ReadonlySet<string>> {
    const known = this.#modelsBySql.get(sql)
    if (known) return known
    const parse = (text: string) => serializeSql(connection, text)
    const ast = await parseQuery(sql, parse, this.#options.macros)
    const found = new Set<string>()
    const visit = (name: string) => {
      if (found.has(name)) return
      found.add(name)
      for (const read of this.#options.reads.get(name) ?? []) visit(read)
    }
    for (const { name } of findReferences(ast)) visit(name)
    if (this.#modelsBySql.size >= KNOWN_MAX) this.#modelsBySql.clear()
    this.#modelsBySql.set(sql, found)
    return found
  }
}

function toQueryError(error: unknown): CcsError {
  if (error instanceof CcsError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new CcsError('CCS_QUERY_INVALID', message.trim(), { cause: error })
}
