/**
 * Whether two sides hold the same rows: of each table the number of rows and an order-independent sum of
 * hashes over all columns, both computed by DuckDB.
 */
import { readdir } from 'node:fs/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { ccs } from './measure.js'

/** Tables that a batch wrote to `out`, with `relation` to read each from and its columns in order of name. */
export async function batchTables(out) {
  const names = (await readdir(out)).filter((name) => name.includes('.')).sort()
  return withDuck(async (all) => {
    const tables = []
    for (const name of names) {
      const relation = `read_parquet('${out}/${name}/**/*.parquet', hive_partitioning = false)`
      const described = await all(`DESCRIBE SELECT * FROM ${relation}`)
      tables.push({ name, relation, columns: described.map((row) => row.column_name).sort() })
    }
    return tables
  })
}

/** One row a table: name, n, hash. */
function fingerprintSql(tables) {
  return tables
    .map(({ name, relation, columns }) => {
      const list = columns.map((column) => `"${column}"`).join(', ')
      return `SELECT '${name}' AS name, count(*) AS n, CAST(sum(hash(t)) AS VARCHAR) AS hash
        FROM (SELECT ${list} FROM ${relation}) AS t`
    })
    .join('\nUNION ALL\n')
}

/** Tables in which the answer of ccs and the batch's files differ; [] when all rows are the same. */
export async function differences(tables, data, project) {
  const theirs = await withDuck((all) => all(fingerprintSql(tables)))
  const sql = fingerprintSql(tables.map((one) => ({ ...one, relation: one.name })))
  const answer = await ccs(['query', sql, '--json', '--data', data, '--project', project])
  const ours = new Map(JSON.parse(answer.stdout).rows.map((row) => [row.name, row]))
  return theirs.flatMap(({ name, n, hash }) => {
    const own = ours.get(name)
    if (own && Number(own.n) === Number(n) && own.hash === hash) return []
    return [
      `${name}: ${own?.n ?? 'no'} rows in ccs, ${n} in the batch, hashes ${own?.hash === hash ? 'equal' : 'differ'}`,
    ]
  })
}

/** Calls `use` with a function that gives the rows of a query as plain objects. */
export async function withDuck(use) {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '2GB' })
  const connection = await instance.connect()
  try {
    return await use(async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson())
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
