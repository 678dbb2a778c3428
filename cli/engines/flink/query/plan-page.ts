/**
 * What the page's metrics need of each topic: which columns, and rows from which time on. DuckDB
 * plans each metric over empty tables, and its plans say it.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { setNow } from '../../../adapters/duckdb/model-catalog.ts'
import { toQueryError } from '../../../adapters/duckdb/query-error.ts'
import { least } from '../../../domain/kernel/lists.ts'
import { quoteName } from '../../../domain/kernel/sql-text.ts'
import type { DuckColumn } from '../../../domain/models/bind-models.ts'
import type { PlannedTable } from './plan-tables.ts'
import { readScans, type TableScan, type TimeBound, toBoundMs } from './scan-bounds.ts'
import type { RowsWanted } from './topic-window.ts'

/** What is needed of the topic of one model. */
export interface TopicNeeds {
  readonly columns: ReadonlySet<string>
  readonly wanted: readonly RowsWanted[]
}

/** What is planned. */
export interface PagePlanInput {
  /** Of the tables of all models, with all their columns and no rows. */
  readonly connection: DuckConnection
  readonly metrics: readonly { readonly id: string; readonly sql: string }[]
  readonly planned: readonly PlannedTable[]
  readonly columns: ReadonlyMap<string, readonly DuckColumn[]>
  readonly nowMs: number
}

/** Catalog of the topics' tables. */
const TOPICS = 'topics.'
/** The day of a place may begin so long before that of UTC. */
const DAY_BEFORE_MS = 14 * 3_600_000

/** By model, of models with a topic; a metric whose SQL is wrong needs nothing. */
export async function planPage(input: PagePlanInput): Promise<ReadonlyMap<string, TopicNeeds>> {
  const { connection, metrics, columns, nowMs } = input
  const planned = new Map(input.planned.map((one) => [one.model.name, one]))
  const needs = new Map<string, { columns: Set<string>; wanted: RowsWanted[] }>()
  await setNow(connection, nowMs)
  for (const { id, sql } of metrics) {
    const scans = new Map<string, TableScan[]>()
    const words = new Set(sql.match(/\w+/g))
    for (const scan of await explain(connection, sql, columns)) {
      if (!scan.table.startsWith(TOPICS)) continue
      const model = scan.table.slice(TOPICS.length)
      scans.set(model, [...(scans.get(model) ?? []), scan])
    }
    for (const [model, own] of scans) {
      const table = planned.get(model)
      const need = needs.get(model) ?? { columns: listKeptColumns(table), wanted: [] }
      for (const scan of own) for (const name of scan.columns) need.columns.add(name)
      // What the plan leaves out, DuckDB looks for nevertheless.
      for (const { name } of columns.get(model) ?? []) if (words.has(name)) need.columns.add(name)
      need.wanted.push({ id, ...joinScans(own, listTimes(table, columns.get(model) ?? [])) })
      needs.set(model, need)
    }
  }
  return needs
}

async function explain(
  connection: DuckConnection,
  sql: string,
  columns: PagePlanInput['columns'],
): Promise<readonly TableScan[]> {
  try {
    const { rows } = await connection.all(`EXPLAIN (FORMAT JSON) ${sql}`)
    return readScans(String(rows[0]?.explain_value), (table) =>
      (columns.get(table.slice(TOPICS.length)) ?? []).map(({ name }) => name),
    )
  } catch (error) {
    // Who asks for the metric gets the same error, with its place.
    if (toQueryError(error).code === 'CCS_QUERY_INVALID') return []
    throw error
  }
}

/** A row is needed if any of the scans needs it. */
function joinScans(
  scans: readonly TableScan[],
  times: ReadonlySet<string>,
): Pick<RowsWanted, 'keep' | 'startMs'> {
  const starts = scans.map(({ bounds }) =>
    Math.max(
      Number.NEGATIVE_INFINITY,
      ...bounds.filter(({ column }) => times.has(column)).map(findStartMs),
    ),
  )
  const keeps = new Set(scans.map(({ bounds }) => bounds.map(printBound).join(' AND ')))
  const keep = keeps.has('') ? undefined : [...keeps].map((one) => `(${one})`).join(' OR ')
  return { keep, startMs: least(starts) }
}

function printBound({ column, value, type }: TimeBound): string {
  return `${quoteName(column)} >= ${type} '${value}'`
}

function findStartMs(bound: TimeBound): number {
  return toBoundMs(bound) - (bound.type === 'DATE' ? DAY_BEFORE_MS : 0)
}

/** Columns with times at which a row's events happened: its record was written later. */
function listTimes(
  table: PlannedTable | undefined,
  columns: readonly DuckColumn[],
): ReadonlySet<string> {
  if (table === undefined) return new Set()
  const { model, source } = table
  const span = source.from === 'sessions' ? [source.open.span.start, source.open.span.end] : []
  const named = new Set([...model.key, ...span, model.time ?? 'event_time', model.partition])
  const isTime = ({ type }: DuckColumn) => type === 'DATE' || type === 'TIMESTAMP'
  return new Set(
    columns.filter((one) => isTime(one) && named.has(one.name)).map(({ name }) => name),
  )
}

/** Columns by which sessions under way are told from those of the topic. */
function listKeptColumns(table: PlannedTable | undefined): Set<string> {
  if (table?.source.from !== 'sessions') return new Set()
  const { keys, start, end } = table.source.open.span
  return new Set([...keys.map(([, session]) => session), start, end])
}
