/** Writes a DuckLake catalogue: a DuckDB file, by plain SQL. */
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { type CatalogRows, printCatalogTables } from '../../../domain/lake/formats/ducklake.ts'
import { withDuck } from '../../duckdb/with-duck.ts'

const ROWS_A_STATEMENT = 1_000

/** Creates the file `path`, which must not exist. */
export async function writeDucklake(path: string, rows: CatalogRows): Promise<void> {
  await withDuck({ threads: 1 }, async (connection) => {
    await connection.run("SET TimeZone = 'UTC'")
    await connection.run(`ATTACH ${quoteText(path)} AS lake`)
    await connection.run('BEGIN')
    for (const sql of printCatalogTables('lake')) await connection.run(sql)
    for (const [table, list] of rows)
      for (let at = 0; at < list.length; at += ROWS_A_STATEMENT) {
        const some = list.slice(at, at + ROWS_A_STATEMENT)
        const values = some.map((row) => `(${row.map(printValue).join(', ')})`).join(', ')
        await connection.run(`INSERT INTO lake.ducklake_${table} VALUES ${values}`)
      }
    await connection.run('COMMIT')
    await connection.run('DETACH lake')
  })
}

function printValue(value: string | number | boolean | null): string {
  if (value === null) return 'NULL'
  return typeof value === 'string' ? quoteText(value) : String(value)
}
