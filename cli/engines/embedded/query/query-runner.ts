/**
 * Answers SELECTs on connections of their own. Before one runs, partial Gold behind the tables that it reads
 * is brought up to date, and no other: what nobody asks for costs nothing until a checkpoint.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { CcsError, EXIT } from '../../../domain/kernel/errors.ts'
import { parseSelect } from '../../../domain/sql/ast.ts'
import type { QueryResult } from '../../../domain/sql/query-result.ts'
import { findReferences } from '../../../domain/sql/references.ts'
import { setNow } from './catalog.ts'

export interface QueryRunnerOptions {
  /** Model → what it reads. */
  readonly reads: ReadonlyMap<string, readonly string[]>
  readonly connect: () => Promise<DuckConnection>
  /** Resolves when the named models hold all rows taken in. */
  readonly bringUpToDate: (models: ReadonlySet<string>) => Promise<void>
}

const BEHIND_MAX = 200

export class QueryRunner {
  readonly #options: QueryRunnerOptions
  readonly #idle: DuckConnection[] = []
  /** The same questions come again and again, from pages above all: what they read is found once. */
  readonly #behind = new Map<string, ReadonlySet<string>>()

  constructor(options: QueryRunnerOptions) {
    this.#options = options
  }

  /** Throws CCS_QUERY_INVALID with DuckDB's own words for anything but a SELECT that runs; the signal ends it so. */
  async run(sql: string, nowMs: number, signal?: AbortSignal): Promise<QueryResult> {
    const connection = this.#idle.pop() ?? (await this.#options.connect())
    const interrupt = () => connection.interrupt()
    try {
      await this.#options.bringUpToDate(await this.#modelsBehind(connection, sql))
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

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  /** Models that a query reads, directly or through others. */
  async #modelsBehind(connection: DuckConnection, sql: string): Promise<ReadonlySet<string>> {
    const known = this.#behind.get(sql)
    if (known) return known
    const ast = await parseSelect(
      { file: '<query>', line: 1, sql },
      async (one) => {
        const { rows } = await connection.all('SELECT json_serialize_sql($1::VARCHAR) AS ast', [
          one,
        ])
        return String(rows[0]?.ast)
      },
      'CCS_QUERY_INVALID',
    )
    const found = new Set<string>()
    const visit = (name: string) => {
      if (found.has(name)) return
      found.add(name)
      for (const read of this.#options.reads.get(name) ?? []) visit(read)
    }
    for (const { name } of findReferences(ast)) visit(name)
    if (this.#behind.size >= BEHIND_MAX) this.#behind.clear()
    this.#behind.set(sql, found)
    return found
  }
}

function toQueryError(error: unknown): CcsError {
  if (error instanceof CcsError && !error.message.startsWith('Only SELECT')) return error
  if (error instanceof CcsError)
    return new CcsError('CCS_QUERY_INVALID', 'Only one SELECT can be asked.', {
      exit: EXIT.usage,
      hint: 'Tables are changed by events and by models: see ccs deploy --help',
    })
  const message = error instanceof Error ? error.message : String(error)
  return new CcsError('CCS_QUERY_INVALID', message.trim(), { exit: EXIT.usage, cause: error })
}
