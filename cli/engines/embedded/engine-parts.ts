/** What an engine is made of when it has been opened, and how much of it is in use. */
import type { Duck, DuckConnection } from '../../adapters/duckdb/duckdb.ts'
import type { EngineUsage, QueryUsage } from '../../domain/monitoring/engine-usage.ts'
import type { EmbeddedModel } from './compile.ts'
import type { ArrivalTracker } from './intake/arrival-tracker.ts'
import type { DedupeIndexes } from './intake/dedupe-indexes.ts'

/** DuckDB, its connections, and what was loaded into it. */
export interface OpenParts {
  readonly duck: Duck
  /** For the engine's own statements, one at a time. */
  readonly connection: DuckConnection
  /** For appending rows. */
  readonly intake: DuckConnection
  readonly models: readonly EmbeddedModel[]
  readonly indexes: DedupeIndexes
}

/** On a connection of its own, so that it waits for no statement of the engine. */
export async function readUsage(
  duck: Duck,
  arrivals: ArrivalTracker,
  queries: QueryUsage,
): Promise<EngineUsage> {
  const connection = await duck.connect()
  try {
    const sql = 'SELECT CAST(sum(memory_usage_bytes) AS BIGINT)::VARCHAR FROM duckdb_memory()'
    const [bytes] = await connection.texts(sql, [])
    return { duckdbBytes: Number(bytes ?? 0), ...arrivals.countIds(), queries }
  } finally {
    connection.close()
  }
}
