/**
 * Accounts of one model: its SELECT as an ordinary query against the rows that are there. Stream
 * models, and views over them, are compared by the key of their source, so that a source row that
 * is lost shows; aggregating models by their own key, each row standing for the source rows in it.
 */

import { ORDER_KIND } from '../gate/decoder/order-id.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import { printTooLateSql } from '../models/finality.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Model } from '../models/model.ts'
import { type AstNode, asNodes, renderAst } from '../sql/ast.ts'
import { makeCallNode } from '../sql/build-ast.ts'
import { type AuditSql, queryCount, runWithoutTooLate } from './catalog.ts'
import {
  compareRelations,
  describeColumns,
  findDifferences,
  keyedSql,
  type RowColumn,
} from './compare.ts'
import type { AuditFault, AuditRow } from './log-accounts.ts'

/** The accounts and faults of one model. */
export interface ModelAudit {
  readonly row: AuditRow
  readonly faults: readonly AuditFault[]
}

/** The key columns to compare by, and all columns that the SELECT returns. */
export interface RowShape {
  readonly keys: readonly string[]
  readonly columns: readonly RowColumn[]
}

/** Returns a SELECT, for the audit's DuckDB, of keys, `_h` and `_u` of the model's rows. */
export type ActualRows = (model: Model, shape: RowShape) => Promise<string>

/** Audits a model of rows; `source` is the model that it reads. */
export async function auditRowModel(
  plain: AuditSql,
  { model }: GraphModel,
  source: Model,
  actualRows: ActualRows,
): Promise<ModelAudit> {
  const columns = (await describeColumns(plain, model.sql)).map(toStorable)
  const names = new Set(columns.map(({ name }) => name))
  const isTraced = source.key.length > 0 && source.key.every((name) => names.has(name))
  const by = isTraced ? source.key : model.key
  const dedupe = model.dedupe?.key
  const keys = [...new Set([...by, ...model.key, ...(dedupe === undefined ? [] : [dedupe])])]
  const shape = { keys, columns }
  const actual = await actualRows(model, shape)
  await plain.run(`CREATE OR REPLACE TABLE memory.audit.expected AS ${keyedSql(model.sql, shape)}`)
  const relations = { expected: 'memory.audit.expected', actual: `(${actual})` }
  const found = await compareRelations(plain, relations, by)
  const faults =
    found.wrong === 0 ? [] : await findDifferences(plain, model.name, relations, model.key)
  const read = await queryCount(plain, `SELECT count(*) FROM ${source.name}`)
  const reordered = await countRepeatedOrders(plain, model, source)
  const repeated =
    dedupe === undefined || !isTraced
      ? 0
      : reordered + (await queryCount(plain, repeatedSql(source, dedupe, actual)))
  const filtered =
    dedupe === undefined
      ? Math.max(0, read - found.expectedGroups)
      : (await queryCount(plain, leftOutSql(source, dedupe))) - reordered
  await plain.run('DROP TABLE memory.audit.expected')
  const row = { model: model.name, in: read, out: found.agreedGroups, duplicates: repeated }
  const remainder = read - row.out - repeated - filtered
  return { row: { ...row, filtered, late: 0, dlq: 0, remainder }, faults }
}

/** Counts source rows whose id the model has from no row. */
function leftOutSql(source: Model, id: string): string {
  return `SELECT count(*) FROM ${source.name}
    ANTI JOIN memory.audit.expected USING (${quoteName(id)})`
}

/** How many of those are purchases of an order that the model has by another id. */
async function countRepeatedOrders(
  plain: AuditSql,
  { dedupe }: Model,
  source: Model,
): Promise<number> {
  if (dedupe?.orderKey === undefined) return 0
  const order = quoteName(dedupe.orderKey)
  const isPurchase = `event_type = ${quoteText(ORDER_KIND)}`
  return await queryCount(
    plain,
    `${leftOutSql(source, dedupe.key)} WHERE ${isPurchase} AND ${order} IN (
      SELECT ${order} FROM ${source.name}
      SEMI JOIN memory.audit.expected USING (${quoteName(dedupe.key)}) WHERE ${isPurchase})`,
  )
}

/** How many source rows repeat an id that was kept from another row. */
function repeatedSql(source: Model, id: string, actual: string): string {
  return `WITH kept AS (${actual})
    SELECT count(*) FROM ${source.name}
    SEMI JOIN kept USING (${quoteName(id)})
    ANTI JOIN kept AS same USING (${source.key.map(quoteName).join(', ')})`
}

/** Where the rows of an aggregating model are. */
export interface GroupedRows {
  readonly actualRows: ActualRows
  /** SELECT of the keys of rows of `relation` that need not be there yet; undefined: none. */
  readonly printPending: (relation: string) => string | undefined
}

/** Audits an aggregating model, counted in rows of `source`, the first model that it reads. */
export async function auditGroupedModel(
  plain: AuditSql,
  { model, ast }: GraphModel,
  source: string,
  { actualRows, printPending }: GroupedRows,
): Promise<ModelAudit> {
  const table = `on_time.audit.${quoteName(model.name.replace('.', '_'))}`
  const tooLate = model.kind === 'view' ? 'FALSE' : printTooLateSql(model)
  await runWithoutTooLate(plain, model, source, async () => {
    const select = await addUnits(plain, model, ast)
    await plain.run(`CREATE OR REPLACE TABLE ${table} AS ${select}`)
  })
  const select = `SELECT * EXCLUDE (_units) FROM ${table}`
  await plain.run(`CREATE OR REPLACE VIEW on_time.${model.name} AS ${select}`)
  const columns = (await describeColumns(plain, select)).map(toStorable)
  const shape = { keys: model.key, columns }
  const actual = await actualRows(model, shape)
  const pending = printPending(table)
  if (pending !== undefined) {
    const keys = model.key.map(quoteName).join(', ')
    await plain.run(`DELETE FROM ${table} WHERE (${keys}) IN (${pending})
      AND (${keys}) NOT IN (SELECT (${keys}) FROM (${actual}))`)
  }
  const expected = keyedSql(`SELECT * FROM ${table}`, { ...shape, units: '_units' })
  const relations = { expected: `(${expected})`, actual: `(${actual})` }
  const found = await compareRelations(plain, relations, model.key)
  const faults =
    found.wrong === 0 ? [] : await findDifferences(plain, model.name, relations, model.key)
  const from = `SELECT count(*) FROM on_time.${source}`
  const read = await queryCount(plain, from)
  const late = await queryCount(plain, `${from} WHERE ${tooLate}`)
  const filtered = read - late - found.expectedUnits
  const row = { model: model.name, in: read, out: found.agreedUnits, duplicates: 0, filtered, late }
  return { row: { ...row, dlq: 0, remainder: read - row.out - filtered - late }, faults }
}

/** Parquet has no HUGEINT and would store it as a floating-point number. */
function toStorable({ name, type }: RowColumn): RowColumn {
  return { name, type: type === 'HUGEINT' ? 'DECIMAL(38, 0)' : type }
}

/** The model's SELECT with one more column, `_units`: how many source rows are in each row. */
async function addUnits(plain: AuditSql, model: Model, ast: AstNode): Promise<string> {
  const node = ast.node as AstNode // json_serialize_sql puts the SELECT here
  const counted = {
    ...ast,
    node: {
      ...node,
      select_list: [...asNodes(node.select_list), makeCallNode('count_star', [], '_units')],
    },
  }
  const { rows } = await plain.all(
    `SELECT json_deserialize_sql(${quoteText(renderAst(counted))}::JSON) AS sql`,
  )
  const sql = String(rows[0]?.sql)
  // count(*) does not bind in a SELECT without aggregation: there each row stands for itself.
  const isAggregation = await plain.run(`EXPLAIN ${sql}`).then(
    () => true,
    () => false,
  )
  return isAggregation ? sql : `SELECT *, 1::BIGINT AS _units FROM (${model.sql})`
}
