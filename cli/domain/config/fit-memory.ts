/** Fits the engine's settings to a machine or container with little memory. */

/** `engine` of ccs.yml. */
export interface EngineSettings {
  readonly memoryLimitBytes: number
  readonly checkpointEveryMs: number
  readonly checkpointRows: number
}

/** `query` of ccs.yml: what no query exceeds. */
export interface QuerySettings {
  readonly timeoutMs: number
  readonly rowsMax: number
  /** Queries that run at once for long; others wait. */
  readonly concurrency: number
  /** Memory of each process that answers queries. */
  readonly memoryLimitBytes: number
}

const MIB = 1024 * 1024

/** The least with which DuckDB merges a checkpoint; the greatest lower bound of ccs.yml. */
export const MEMORY_LIMIT_MIN = 128 * MIB

/** Of the memory: the rest is for JavaScript, what DuckDB does not count, and files. */
const SQL_SHARE = 0.4
/** With less memory, commits have fewer rows, as rows that wait for one are in memory. */
const FEW_ROWS_BELOW = 448 * MIB
const FEW_ROWS = 20_000

/** `memoryBytes` is what this process may use; settings of ccs.yml are lowered, never raised. */
export function fitEngine(engine: EngineSettings, memoryBytes: number): EngineSettings {
  const fitting = Math.max(MEMORY_LIMIT_MIN, Math.floor(memoryBytes * SQL_SHARE))
  const rowsMax = memoryBytes < FEW_ROWS_BELOW ? FEW_ROWS : Number.POSITIVE_INFINITY
  return {
    ...engine,
    memoryLimitBytes: Math.min(engine.memoryLimitBytes, fitting),
    checkpointRows: Math.min(engine.checkpointRows, rowsMax),
  }
}

/** The least for a process that answers queries: Node, DuckDB, and 48 MiB for rows. */
export const QUERY_MEMORY_MIN = 160 * MIB

/** Of the memory, what one such process may take: there are at most four. */
const QUERY_SHARE = 1 / 8
/** With less memory, one long query runs at once. */
const ONE_QUERY_BELOW = 1024 * MIB

/** As `fitEngine`, for the processes that answer queries. */
export function fitQueries(query: QuerySettings, memoryBytes: number): QuerySettings {
  const fitting = Math.max(QUERY_MEMORY_MIN, Math.floor(memoryBytes * QUERY_SHARE))
  return {
    ...query,
    memoryLimitBytes: Math.min(query.memoryLimitBytes, fitting),
    concurrency: memoryBytes < ONE_QUERY_BELOW ? 1 : query.concurrency,
  }
}
