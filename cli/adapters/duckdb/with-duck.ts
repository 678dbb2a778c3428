/** A DuckDB for one piece of work. */
import type { DuckOptions } from './duck-types.ts'
import { type Duck, type DuckConnection, openDuck } from './duckdb.ts'

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

/** A DuckDB with one connection, which is opened when it is first needed. */
export class LazyDuck {
  readonly #options: DuckOptions
  #opened: Promise<{ readonly duck: Duck; readonly connection: DuckConnection }> | undefined

  constructor(options: DuckOptions) {
    this.#options = options
  }

  open() {
    this.#opened ??= openDuck(this.#options).then(async (duck) => ({
      duck,
      connection: await duck.connect(),
    }))
    return this.#opened
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    opened?.connection.close()
    opened?.duck.close()
  }
}

/** Settings of a DuckDB that reads a whole lake: what outgrows 1 GiB spills to `tempDirectory`. */
export function largeDuck(tempDirectory: string, memoryLimitBytes = 1024 ** 3): DuckOptions {
  return { memoryLimitBytes, tempDirectory, config: { preserve_insertion_order: 'false' } }
}

/** An empty DuckDB that can reach neither files nor network, for expressions of users. */
export async function openIsolatedDuck() {
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  const close = () => {
    connection.close()
    duck.close()
  }
  try {
    await connection.run('SET enable_external_access = false')
    return {
      run: (sql: string, values?: readonly string[]) => connection.run(sql, values),
      all: (sql: string, values?: readonly string[]) => connection.all(sql, values),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}
