/**
 * The tables of the audit's own DuckDB. Catalog `memory` has the lake as stored, one table for each
 * stream model. Catalog `on_time` has the same without the rows that were too late for the Gold
 * model being recomputed, and the Gold models that were recomputed so far.
 */

import { deriveRawColumns } from '../events/raw-columns.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import { printTooLateSql } from '../models/finality.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Logic } from '../models/logic.ts'
import type { Model } from '../models/model.ts'

/** A DuckDB connection, either of the audit's own instance or of the engine. */
export interface AuditSql {
  /** Runs one or more statements. */
  run(sql: string): Promise<unknown>
  all(sql: string): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>
}

/** The project's models and what their SELECTs depend on. */
export interface AuditLogic {
  /** In topological order. */
  readonly graph: readonly GraphModel[]
  readonly macrosSql: string
  readonly timezone: string
  /** What right_now() returns on both sides, ms. */
  readonly nowMs: number
  /** Columns of raw.events with their DuckDB types. */
  readonly rawColumns: readonly { readonly name: string; readonly type: string }[]
}

/** The models of a project as an audit runs them; `nowMs` is the audited commit's time. */
export function makeAuditLogic(
  { graph, macrosSql, rawSchemas }: Logic,
  { timezone, nowMs }: Pick<AuditLogic, 'timezone' | 'nowMs'>,
): AuditLogic {
  const { rawColumns } = deriveRawColumns(rawSchemas.at(-1)?.schema ?? '')
  return { graph, macrosSql, timezone, nowMs, rawColumns }
}

/** Absolute paths of the Parquet files by table. */
export type TableFiles = ReadonlyMap<string, readonly string[]>

/** The paths of files, by their tables. */
export function groupByTable(
  files: Iterable<{ readonly table: string; readonly path: string }>,
): TableFiles {
  const tables = new Map<string, string[]>()
  for (const { table, path } of files) tables.set(table, [...(tables.get(table) ?? []), path])
  return tables
}

/** The first value of the first row as a number; 0 without rows. */
export async function queryCount(sql: AuditSql, query: string): Promise<number> {
  const { rows } = await sql.all(query)
  return Number(Object.values(rows[0] ?? {})[0] ?? 0)
}

/** Creates both catalogs. A table without files is empty. */
export async function createAuditCatalog(
  plain: AuditSql,
  logic: AuditLogic,
  files: TableFiles,
): Promise<void> {
  await plain.run(`ATTACH ':memory:' AS on_time`)
  await plain.run(`SET VARIABLE shop_timezone = ${quoteText(logic.timezone)}`)
  await plain.run(`SET VARIABLE now_ms = ${Math.floor(logic.nowMs)}::BIGINT`)
  for (const catalog of ['on_time', 'memory']) {
    await plain.run(`USE ${catalog}`)
    for (const schema of ['bronze', 'silver', 'gold', 'audit'])
      await plain.run(`CREATE SCHEMA ${schema}`)
    if (logic.macrosSql.trim() !== '') await plain.run(logic.macrosSql)
  }
  const columns = logic.rawColumns.map(({ name, type }) => `${quoteName(name)} ${type}`)
  await plain.run(`CREATE SCHEMA raw; CREATE TABLE raw.events (${columns.join(', ')})`)
  const stored = findStoredModels(logic.graph)
  for (const { model } of logic.graph) {
    if (!stored.has(model.name)) continue
    const paths = files.get(model.name) ?? []
    if (model.kind === 'view') await plain.run(`CREATE VIEW ${model.name} AS ${model.sql}`)
    else if (paths.length > 0)
      await plain.run(`CREATE VIEW ${model.name} AS SELECT * FROM read_parquet(
        [${paths.map(quoteText).join(', ')}], hive_partitioning = false, union_by_name = true)`)
    else await plain.run(`CREATE TABLE ${model.name} AS SELECT * FROM (${model.sql}) LIMIT 0`)
    await plain.run(passThrough(model.name))
  }
}

function passThrough(name: string, where = 'TRUE'): string {
  return `CREATE OR REPLACE VIEW on_time.${name} AS SELECT * FROM memory.${name} WHERE ${where}`
}

/** Models whose rows come from the lake alone: stream models, and views over such models only. */
export function findStoredModels(graph: readonly GraphModel[]): ReadonlySet<string> {
  const stored = new Set<string>()
  for (const { model, reads } of graph) {
    const isOverStored = reads.every((name) => stored.has(name))
    if (model.kind === 'stream' || (model.kind === 'view' && isOverStored)) stored.add(model.name)
  }
  return stored
}

/** Runs `body` in catalog `on_time`, whose `source` lacks the rows too late for the model. */
export async function runWithoutTooLate<T>(
  plain: AuditSql,
  model: Model,
  source: string,
  body: () => Promise<T>,
): Promise<T> {
  const isTimed = model.kind === 'window' || model.kind === 'session'
  if (isTimed)
    await plain.run(passThrough(source, `NOT coalesce(${printTooLateSql(model)}, FALSE)`))
  await plain.run('USE on_time')
  try {
    return await body()
  } finally {
    await plain.run('USE memory')
    if (isTimed) await plain.run(passThrough(source))
  }
}
