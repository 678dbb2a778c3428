/** A DuckDB for one piece of work. */
import { type Duck, type DuckConnection, type DuckOptions, openDuck } from './duckdb.ts'

/** Opens a DuckDB with one connection, and closes both when `use` has ended. */
export async function withDuck<T>(
  options: DuckOptions,
  use: (connection: DuckConnection, duck: Duck) => Promise<T>,
): Promise<T> {
  const duck = await openDuck(options)
  try {
    const connection = await duck.connect()
    try {
      return await use(connection, duck)
    } finally {
      connection.close()
    }
  } finally {
    duck.close()
  }
}

/** Settings of a DuckDB that reads a whole lake: what outgrows 1 GiB spills to `tempDirectory`. */
export function largeDuck(tempDirectory: string, memoryLimitBytes = 1024 ** 3): DuckOptions {
  return { memoryLimitBytes, tempDirectory, config: { preserve_insertion_order: 'false' } }
}
