/** What the footers of Parquet files say, read by DuckDB. */

import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { unknownType } from '../../../domain/lake/formats/columns.ts'
import type { FileFacts } from '../../../domain/lake/formats/open-lake.ts'
import { parseType } from '../../../domain/sql/types.ts'
import type { DuckConnection } from '../../duckdb/duckdb.ts'

/** Types as Parquet has them, of whose values the least and the greatest are kept. */
const BOUNDED = "type IN ('INT32', 'INT64') AND stats_min_value IS NOT NULL"

/** Reads the footer of a file. CCS_OPEN_LAKE_TYPE for a column that no other program can read. */
export async function readFileFacts(connection: DuckConnection, path: string): Promise<FileFacts> {
  const file = quoteText(path)
  const described = await connection.all(
    `DESCRIBE SELECT * FROM read_parquet(${file}, hive_partitioning = false)`,
  )
  const columns = described.rows.map((row) => {
    const type = parseType(String(row['column_type']))
    if (type === undefined) throw unknownType(String(row['column_type']), 'The open lake')
    return { name: String(row['column_name']), type }
  })
  const bounded = columns.filter(({ type }) => ORDERED[type.is] !== undefined)
  const kinds = bounded.map(
    ({ name, type }) => `WHEN ${quoteText(name)} THEN ${quoteText(ORDERED[type.is] ?? '')}`,
  )
  const kind = kinds.length === 0 ? "''" : `CASE path_in_schema ${kinds.join(' ')} ELSE '' END`
  // Of each kind its own order: whole numbers as numbers, dates and times as their text.
  const found = await connection.all(
    `WITH chunks AS (
       SELECT path_in_schema AS name, ${kind} AS kind, stats_min_value AS low,
         stats_max_value AS high, stats_null_count AS nulls
       FROM parquet_metadata(${file}) WHERE ${BOUNDED}
     )
     SELECT name, CAST(sum(nulls) AS INTEGER) AS nulls,
       if(any_value(kind) = 'number', min(TRY_CAST(low AS HUGEINT))::VARCHAR, min(low)) AS low,
       if(any_value(kind) = 'number', max(TRY_CAST(high AS HUGEINT))::VARCHAR, max(high)) AS high
     FROM chunks WHERE kind <> '' GROUP BY name
     HAVING count(*) = (SELECT num_row_groups FROM parquet_file_metadata(${file}))`,
  )
  const { rows } = await connection.all(
    `SELECT CAST(footer_size AS INTEGER) AS bytes FROM parquet_file_metadata(${file})`,
  )
  return {
    columns,
    footerBytes: Number(rows[0]?.['bytes']),
    bounds: found.rows.map(({ name, low, high, nulls }) => {
      return { column: String(name), min: String(low), max: String(high), nulls: Number(nulls) }
    }),
  }
}

const ORDERED: Readonly<Record<string, 'number' | 'text'>> = {
  INTEGER: 'number',
  BIGINT: 'number',
  DATE: 'text',
  TIMESTAMP: 'text',
}
