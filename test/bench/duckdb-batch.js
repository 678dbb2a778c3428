/**
 * The floor: one plain DuckDB batch that reads events as NDJSON and writes the tables that ccs writes, by
 * the same models as they stand. No log, no reject topic, no increments, nothing durable before the end.
 *
 *   node duckdb-batch.js '{"file", "out", "project", "threads", "memory", "timezone"}'
 */
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { projectModule, readModels } from './project.js'

const options = JSON.parse(process.argv[2])
const { file, out, project, threads, memory, timezone } = options

await rm(out, { recursive: true, force: true })
await mkdir(out, { recursive: true })
const instance = await DuckDBInstance.create(':memory:', {
  threads: String(threads),
  memory_limit: memory,
  temp_directory: `${out}/tmp`,
  checkpoint_threshold: '1TB',
  preserve_insertion_order: 'false',
})
const connection = await instance.connect()
await connection.run(await readFile(`${project}/sql/macros.sql`, 'utf8'))
await connection.run(`SET VARIABLE shop_timezone = '${timezone}'; SET VARIABLE now_ms = 0::BIGINT`)
for (const layer of ['raw', 'bronze', 'silver', 'gold'])
  await connection.run(`CREATE SCHEMA ${layer}`)
await connection.run(`CREATE VIEW raw.events AS ${await rawSql()}`)

for (const model of await readModels(project)) {
  const { name, kind, layer, partition, sql } = model
  if (name === 'gold.right_now') continue // asks for the clock
  if (layer === 'silver' && kind === 'view') {
    await connection.run(`CREATE VIEW ${name} AS ${sql}`)
    continue
  }
  await mkdir(`${out}/${name}`, { recursive: true })
  const target = partition
    ? `'${out}/${name}/rows' (FORMAT parquet, PARTITION_BY (${partition}), WRITE_PARTITION_COLUMNS true)`
    : `'${out}/${name}/rows.parquet' (FORMAT parquet)`
  await connection.run(`COPY (${sql}) TO ${target}`)
  await connection.run(`CREATE VIEW ${name} AS SELECT * FROM read_parquet('${out}/${name}/**/*.parquet',
    hive_partitioning = false)`)
}
connection.closeSync()
instance.closeSync()
await rm(`${out}/tmp`, { recursive: true, force: true })
await sync(out)

/** As ccs does: what is written is on the disk at the end. */
async function sync(dir) {
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const handle = await open(`${entry.parentPath}/${entry.name}`, 'r')
    await handle.sync()
    await handle.close()
  }
}

/** The file's rows with the types that the models expect of raw.events. */
async function rawSql() {
  const { deriveRawColumns: rawEventColumns } = await projectModule('domain/events/raw-columns.js')
  const schema = await readFile(`${project}/schemas/events.raw.avsc`, 'utf8')
  const { rawColumns } = rawEventColumns(schema)
  const columns = rawColumns.filter(({ name }) => name !== 'topic')
  const given = columns.map(
    ({ name, type }) => `"${name}": '${type === 'TIMESTAMP' ? 'BIGINT' : type}'`,
  )
  const list = rawColumns.map(({ name, type }) => {
    if (name === 'topic') return `'events.raw' AS topic`
    return type === 'TIMESTAMP' ? `make_timestamp_ms("${name}") AS "${name}"` : `"${name}"`
  })
  return `SELECT ${list.join(', ')} FROM read_json('${file}', format = 'newline_delimited',
    columns = {${given.join(', ')}})`
}
