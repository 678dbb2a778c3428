/**
 * Finds the uncommitted records that the models fail on. It works in the tables of an engine that
 * is restarted afterwards without these records: rows that fail are deleted there, so that the next
 * model is tried without them. Models are tried one after the other, each on all uncommitted rows.
 */
import { catchDataError } from '../../adapters/duckdb/data-error.ts'
import type { DuckConnection } from '../../adapters/duckdb/duckdb.ts'
import type { FailingRecord } from '../../domain/gate/failing-record.ts'
import { quoteName, quoteText } from '../../domain/kernel/sql-text.ts'
import { type FailingRows, findFailingRows } from '../../domain/pipeline/find-failing.ts'
import type { EmbeddedModel } from './compile.ts'
import type { GoldSet } from './gold/gold-set.ts'
import type { SearchedTables } from './intake/uncommitted-rows.ts'
import { setRowRange } from './query/catalog.ts'

/** What a search works on, beside a connection of its own. */
export interface FailingSearch {
  /** Each after the models that it reads. */
  readonly models: readonly EmbeddedModel[]
  readonly tables: SearchedTables
  /** Number of the first uncommitted row. */
  readonly fromSeq: number
  readonly gold: Pick<GoldSet, 'get'>
  /** No more time to divide rows: what is known to fail is set aside as a whole. */
  readonly isOverdue: () => boolean
}

/** Rows that fail, with all their columns, the model and the message. */
const FAILING = 'temp.main.failing'

interface OpenSearch extends FailingSearch {
  readonly connection: DuckConnection
}

/**
 * In the order of the log's partitions; empty if no record explains the failure. The connection
 * sees uncommitted rows, and is closed.
 */
export async function findFailingRecords(
  connection: DuckConnection,
  search: FailingSearch,
): Promise<readonly FailingRecord[]> {
  try {
    return await searchModels({ ...search, connection })
  } finally {
    connection.close()
  }
}

async function searchModels(search: OpenSearch): Promise<readonly FailingRecord[]> {
  const { connection, tables } = search
  const [first = ''] = tables.raw
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE failing AS
      SELECT *, '' AS _model, '' AS _message FROM ${first} LIMIT 0`,
  )
  for (const model of search.models)
    if (model.model.kind !== 'view') await searchModel(search, model)
  for (const table of tables.raw) await connection.run(copiesSql(table, tables.columns))
  const { rows } = await connection.all(
    `SELECT topic, partition, "offset", min(_model) AS model, min(_message) AS message
      FROM ${FAILING} GROUP BY ALL ORDER BY ALL`,
  )
  return rows.map(({ topic, partition, offset, model, message }) => ({
    topic: String(topic),
    partition: Number(partition),
    offset: Number(offset),
    model: String(model),
    message: String(message),
  }))
}

/**
 * First each part of the rows by itself; should only larger parts fail than those that it comes
 * down to, then again with all rows before them.
 */
async function searchModel(search: OpenSearch, model: EmbeddedModel): Promise<void> {
  const { connection, tables, fromSeq, isOverdue } = search
  const from = model.model.dedupe ? tables.deduplicatedSeq : fromSeq
  const range = { from, to: tables.endSeq }
  const exclude = (rows: FailingRows) => excludeRows(search, model.model.name, rows)
  const run = await prepareAttempt(search, model)
  let hasFailed = false
  const attempt = async (first: number, end: number, isAlone: boolean) => {
    await setRowRange(connection, isAlone ? first : from, end)
    const message = await catchDataError(() => run(isAlone))
    hasFailed ||= message !== undefined
    return message
  }
  const alone = (first: number, end: number) => attempt(first, end, true)
  const found = await findFailingRows(range, { attempt: alone, exclude }, isOverdue)
  if (!hasFailed || found > 0 || model.model.dedupe) return
  const together = (first: number, end: number) => attempt(first, end, false)
  await findFailingRows(range, { attempt: together, exclude }, isOverdue)
}

/** Returns what computes the model's rows from those that the connection sees. */
async function prepareAttempt(
  { connection, tables, gold: states }: OpenSearch,
  { model, sql, gold }: EmbeddedModel,
): Promise<(isAlone: boolean) => Promise<unknown>> {
  if (gold) {
    const trial = await states.get(model.name).openTrial(connection)
    return (isAlone) => trial.attempt(isAlone)
  }
  // Other models read the deduplicated rows from this table.
  const into = model.dedupe ? tables.deduplicated.at(-1) : undefined
  const statement = into
    ? `INSERT INTO ${into} ${sql}`
    : `CREATE OR REPLACE TEMP TABLE computed AS SELECT * FROM delta.${model.name}`
  return () => connection.run(statement)
}

async function excludeRows(
  { connection, tables }: OpenSearch,
  model: string,
  { from, to, message }: FailingRows,
): Promise<void> {
  const condition = `seq >= ${from} AND seq < ${to}`
  const together =
    to - from > 1 ? ` It is one of ${to - from} records that were set aside together.` : ''
  const sentence = `${model} fails on it: ${message.replace(/\.?$/, '.')}${together}`
  for (const table of tables.raw)
    await connection.run(
      `INSERT INTO ${FAILING} SELECT *, ${quoteText(model)}, ${quoteText(sentence)}
        FROM ${table} WHERE ${condition}`,
    )
  for (const table of [...tables.raw, ...tables.deduplicated])
    await connection.run(`DELETE FROM ${table} WHERE ${condition}`)
}

/** Columns that say where a record came from and how; copies of an event differ in them. */
const SOURCE = ['topic', 'partition', 'offset', 'ingest_time', 'late_ms', 'seq', 'fresh']

/**
 * INSERT of the exact copies of failing events. They were duplicates, but without the failing one
 * the next would be the first arrival, and fail in the same way.
 */
function copiesSql(table: string, columns: readonly string[]): string {
  const isEqual = columns
    .filter((name) => !SOURCE.includes(name))
    .map((name) => `copy.${quoteName(name)} IS NOT DISTINCT FROM failing.${quoteName(name)}`)
  return `INSERT INTO ${FAILING} SELECT copy.*, failing._model, failing._message
    FROM (SELECT * FROM ${table} WHERE NOT fresh) AS copy
    JOIN (SELECT * FROM ${FAILING} WHERE fresh AND event_id IN (
      SELECT event_id FROM ${table} WHERE NOT fresh)) AS failing
    ON copy.event_id = failing.event_id WHERE ${isEqual.join(' AND ')}`
}
