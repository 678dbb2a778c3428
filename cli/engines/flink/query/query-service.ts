/**
 * Answers queries of a target from the topics that its engine fills: they are read into a DuckDB in
 * memory, as far as the query needs them, and up to the end of now. One query at a time.
 */
import { ModelFinder } from '../../../adapters/duckdb/find-models.ts'
import { QueryBounds, readWithin, untilAborted } from '../../../adapters/duckdb/limited-query.ts'
import { setNow } from '../../../adapters/duckdb/model-catalog.ts'
import { toCancelError, toQueryError } from '../../../adapters/duckdb/query-error.ts'
import type { Clock } from '../../../domain/kernel/clock.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { formatBytes } from '../../../domain/kernel/units.ts'
import { serveQueries } from '../../../domain/query/backend-queries.ts'
import type { QueryService } from '../../../domain/query/query-service.ts'
import type { MacroSet } from '../../../domain/sql/expand-macros.ts'
import { isMemoryShort } from '../../../domain/sql/memory-error.ts'
import type { QueryControl, QueryLimits, QueryResult } from '../../../domain/sql/query-result.ts'
import type { PlannedTable } from './plan-tables.ts'
import type { Freshness, TargetTables } from './target-tables.ts'

/** What answers queries of one target. */
export interface TopicQueriesOptions {
  /** Closed with the queries. */
  readonly tables: TargetTables
  readonly planned: readonly PlannedTable[]
  readonly macros: MacroSet
  readonly limits: QueryLimits & { readonly memoryLimitBytes: number }
  readonly clock: Clock
}

/** A result, and how new its rows are. */
export interface TopicAnswer extends QueryResult, Freshness {}

/** Queries over a target's topics, kept up to date from one to the next. */
export class TopicQueries {
  readonly #options: TopicQueriesOptions
  readonly #finder: ModelFinder
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: TopicQueriesOptions) {
    this.#options = options
    const { planned, macros } = options
    // Of what is read from a topic nothing further is needed.
    const reads = planned.map(({ model, reads, source }) => {
      return [model.name, source.from === 'sql' ? reads : []] as const
    })
    this.#finder = new ModelFinder({ reads: new Map(reads), views: new Set(), macros })
  }

  /**
   * CCS_QUERY_INVALID for a wrong SELECT, CCS_QUERY_LIMIT for one that takes too long, waiting and
   * reading included, or whose topics or answer are too large.
   */
  query(sql: string, control: QueryControl = {}): Promise<TopicAnswer> {
    const bounds = new QueryBounds(this.#options.limits, control, toCancelError)
    const answer = this.#turn.then(() => this.#answer(sql, bounds))
    const ended = answer.finally(() => bounds.release())
    this.#turn = ended.catch(() => undefined)
    return ended
  }

  async close(): Promise<void> {
    await this.#turn
    this.#options.tables.close()
  }

  async #answer(sql: string, bounds: QueryBounds): Promise<TopicAnswer> {
    const { tables } = this.#options
    const { signal } = bounds
    const { connection } = tables
    const run = () => untilAborted(connection, signal, () => this.#run(sql, bounds))
    try {
      return await run().catch(async (error: unknown) => {
        if (signal.aborted || !isMemoryShort(error)) throw error
        // What earlier queries read may be what is too much.
        await tables.clear()
        return run()
      })
    } catch (error) {
      // Ends the statement, of which rows may be left.
      await connection.run('SELECT 1').catch(() => undefined)
      if (isMemoryShort(error)) await tables.clear()
      if (signal.aborted) throw signal.reason
      throw this.#translate(error)
    }
  }

  async #run(sql: string, bounds: QueryBounds): Promise<TopicAnswer> {
    const { tables, clock } = this.#options
    const { connection } = tables
    const { all } = await this.#finder.find(connection, sql)
    const freshness = await tables.refresh(all, bounds.signal)
    await setNow(connection, clock.nowMs())
    return { ...freshness, ...(await readWithin(connection, sql, bounds)) }
  }

  #translate(error: unknown): CcsError {
    if (!isMemoryShort(error)) return toQueryError(error)
    const size = formatBytes(this.#options.limits.memoryLimitBytes)
    const message = `The query and the topics that it reads take more than ${size} of memory.`
    return new CcsError('CCS_QUERY_LIMIT', message, {
      hint: 'Ask for models of Gold or the marts, or raise query.memory_limit in ccs.yml.',
      cause: error,
    })
  }
}

/** The queries as a service; `close` ends them, and what they read from. */
export function serveTopicQueries(
  queries: TopicQueries,
  about: { readonly from: string; readonly close: () => Promise<void> },
): QueryService {
  const { from } = about
  const close = async () => {
    await queries.close()
    await about.close()
  }
  const answers = { query: queries.query.bind(queries), close }
  const { listTables } = serveQueries(answers, async () => ({ from, asOf: null }))
  return {
    query: async (sql, control) => {
      const { newestMs, ...result } = await queries.query(sql, control)
      const asOf = newestMs === null ? null : new Date(newestMs).toISOString()
      return { from, asOf, ...result, isUnbounded: false }
    },
    listTables,
    close,
  }
}
