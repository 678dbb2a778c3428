/**
 * Rows of a Parquet file, read in chunks by DuckDB. Such a row has no bytes and no line: its
 * values as JSON and its number in the file take their place.
 */

import type { RowReader, SourceRow } from '../../domain/documents/source-row.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { quoteName } from '../../domain/kernel/sql-text.ts'
import { invalidError, NOTHING_IMPORTED } from '../files/source-fault.ts'
import type { Rows } from './duck-types.ts'
import { type Duck, type DuckConnection, openDuck } from './duckdb.ts'
import { refuseInexactTypes } from './parquet-types.ts'

const CHUNK_ROWS = 8192

/** Throws CCS_IMPORT_INVALID if the file isn't Parquet. */
export async function openParquet(file: string, bytesTotal: number): Promise<RowReader> {
  const duck = await openDuck({ threads: 1, memoryLimitBytes: 256 * 1024 * 1024 })
  const connection = await duck.connect()
  try {
    await refuseInexactTypes(connection, file)
    const { columns } = await connection.all('SELECT * FROM read_parquet($1) LIMIT 0', [file])
    const counted = await connection.all('SELECT num_rows AS n FROM parquet_file_metadata($1)', [
      file,
    ])
    const rowsTotal = Number(counted.rows[0]?.n ?? 0)
    return new ParquetRows({ duck, connection, file, columns, rowsTotal, bytesTotal })
  } catch (cause) {
    connection.close()
    duck.close()
    if (cause instanceof CcsError) throw cause
    throw new CcsError('CCS_IMPORT_INVALID', `${file} can't be read as Parquet.`, {
      hint: cause instanceof Error ? cause.message : 'Check the file.',
      cause,
    })
  }
}

interface ParquetRowsOptions {
  readonly duck: Duck
  readonly connection: DuckConnection
  readonly file: string
  readonly columns: Rows['columns']
  readonly rowsTotal: number
  readonly bytesTotal: number
}

class ParquetRows implements RowReader {
  readonly format = 'parquet'
  readonly columns: readonly string[]
  readonly bytesTotal: number
  readonly isEmpty = false
  readonly #options: ParquetRowsOptions
  #rowsRead = 0

  constructor(options: ParquetRowsOptions) {
    this.#options = options
    this.columns = options.columns.map(({ name }) => name)
    this.bytesTotal = options.bytesTotal
  }

  bytesRead(): number {
    const { rowsTotal, bytesTotal } = this.#options
    return rowsTotal === 0 ? bytesTotal : Math.round((this.#rowsRead / rowsTotal) * bytesTotal)
  }

  repeatedHeaders(): number {
    return 0
  }

  async *batches(): AsyncGenerator<readonly SourceRow[]> {
    const { connection, file, columns, rowsTotal } = this.#options
    // As a double, a FLOAT of 10.1 would be 10.100000381469727; as text it has its own digits.
    const floats = columns
      .filter(({ type }) => type === 'FLOAT')
      .map(({ name }) => `CAST(${quoteName(name)} AS VARCHAR) AS ${quoteName(name)}`)
    const replace = floats.length === 0 ? '' : ` REPLACE (${floats.join(', ')})`
    const statement = await connection.prepare(
      `SELECT * EXCLUDE (file_row_number)${replace} FROM read_parquet($1, file_row_number = true)
      WHERE file_row_number >= $2 AND file_row_number < $3 ORDER BY file_row_number`,
    )
    try {
      for (let from = 0; from < rowsTotal; from += CHUNK_ROWS) {
        const { rows } = await statement.all([file, from, from + CHUNK_ROWS])
        this.#rowsRead += rows.length
        yield rows.map((values, i) => ({
          line: from + i + 1,
          raw: Buffer.from(JSON.stringify(values)),
          values,
        }))
      }
    } catch (cause) {
      throw invalidError(file, `${file} is damaged Parquet.`, { cause, hint: NOTHING_IMPORTED })
    } finally {
      statement.close()
    }
  }

  async close(): Promise<void> {
    this.#options.connection.close()
    this.#options.duck.close()
  }
}
