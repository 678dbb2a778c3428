/** Fits the engine's settings to a machine or container with little memory. */

/** `engine` of ccs.yml. */
export interface EngineSettings {
  readonly memoryLimitBytes: number
  readonly checkpointEveryMs: number
  readonly checkpointRows: number
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
