/**
 * What the lake asks of Parquet, done by DuckDB: merge some files into one, count a file's rows.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import { quoteText } from '../../domain/kernel/sql-text.ts'
import type { DuckConnection } from '../duckdb/duckdb.ts'

/** A row group is in memory until it is written: it is small. */
const MERGED = 'FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 24576'

/**
 * Merges Parquet files of one table into `output` (zstd) and returns its rows. A column that only some inputs
 * have is NULL for the rows of the others; rows keep the order of `inputs`.
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
        : `${inputs.length} Parquet files such as ${inputs[0]} can't be merged: ${messageOf(cause)}`,
      { cause, hint: isFull ? 'Free some space; nothing was changed.' : 'See: ccs lake verify' },
    )
  }
}

/** Rows that a Parquet file's footer states; throws DuckDB's error for what is no Parquet file. */
export async function parquetRows(connection: DuckConnection, path: string): Promise<number> {
  const { rows } = await connection.all(
    `SELECT num_rows FROM parquet_file_metadata(${quoteText(path)})`,
  )
  return Number(rows[0]?.['num_rows'])
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
