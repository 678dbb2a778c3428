/** Parquet operations of the lake, done by DuckDB: merge files, count rows. */
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { quoteText } from '../../domain/kernel/sql-text.ts'
import type { DuckConnection } from '../duckdb/duckdb.ts'
import { LazyDuck } from '../duckdb/with-duck.ts'

/** DuckDB holds a row group in memory until it is written, so it is small. */
const MERGED = 'FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 24576'

/**
 * Merges files of one table into `output` and returns the number of rows, which keep the order of
 * `inputs`. A column that some inputs lack is NULL for their rows.
 */
export async function mergeParquet(
  connection: DuckConnection,
  inputs: readonly string[],
  output: string,
): Promise<number> {
  const list = inputs.map(quoteText).join(', ')
  const read = `read_parquet([${list}], union_by_name = true, hive_partitioning = false)`
  try {
    return await connection.run(`COPY (FROM ${read}) TO ${quoteText(output)} (${MERGED})`)
  } catch (cause) {
    const isFull = String(cause).includes('No space left')
    throw new CcsError(
      isFull ? 'CCS_DISK_FULL' : 'CCS_LAKE_DAMAGED',
      isFull
        ? `The disk is full: ${output} can't be written.`
        : `${inputs.length} files such as ${inputs[0]} can't be merged: ${messageOf(cause)}`,
      {
        exit: EXIT.unexpected,
        cause,
        hint: isFull ? 'Free some space; nothing was changed.' : 'See: ccs lake verify',
      },
    )
  }
}

/** The row count in a file's footer; throws DuckDB's error if it isn't a Parquet file. */
export async function countParquetRows(connection: DuckConnection, path: string): Promise<number> {
  const { rows } = await connection.all(
    `SELECT num_rows FROM parquet_file_metadata(${quoteText(path)})`,
  )
  return Number(rows[0]?.['num_rows'])
}

/** Runs `use` with a tool that spills into the data directory `root`. */
export async function withParquet<T>(
  root: string,
  use: (parquet: ParquetTool) => Promise<T>,
): Promise<T> {
  const parquet = new ParquetTool(`${root}/spill`)
  try {
    return await use(parquet)
  } finally {
    await parquet.close()
  }
}

/** Merging and counting rows go row group by row group. */
const MEMORY_BYTES = 64 * 1024 * 1024

/** Merges and counts with a DuckDB of its own, which is opened when it is first needed. */
class ParquetTool {
  readonly #duck: LazyDuck

  constructor(tempDirectory: string) {
    this.#duck = new LazyDuck({ threads: 1, memoryLimitBytes: MEMORY_BYTES, tempDirectory })
  }

  /** See mergeParquet. */
  async merge(inputs: readonly string[], output: string): Promise<number> {
    const { duck, connection } = await this.#duck.open()
    const rows = await mergeParquet(connection, inputs, output)
    await duck.giveBack(connection)
    return rows
  }

  /** See countParquetRows. */
  async countRows(path: string): Promise<number> {
    return countParquetRows((await this.#duck.open()).connection, path)
  }

  close(): Promise<void> {
    return this.#duck.close()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
