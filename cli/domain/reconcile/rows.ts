/**
 * Compares single rows: sessions and orders of each side with the same SELECT as an ordinary query.
 * For each day, count and sum of row hashes are compared first; keys are fetched only where they
 * differ.
 */

import type { AuditSql } from '../audit/catalog.ts'
import { describeColumns, hashSql, type RowColumn } from '../audit/compare.ts'
import { appendAll } from '../kernel/lists.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import { findDifferingColumns, findRowProblems, type Row } from './accounts.ts'
import {
  type DatedDifference,
  datesSql,
  type ReconcileInput,
  ROWS_MAX,
  type RunQuery,
} from './input.ts'
import { printKeySql } from './row-key.ts'
import { RECONCILE_TABLES } from './tables.ts'

interface RowTable {
  /** The table that is checked. */
  readonly table: string
  readonly key: string
  /** SELECTs with `shop_date`. */
  readonly expectedSql: string
  readonly actualSql: string
  readonly expected: RunQuery
  readonly actual: RunQuery
  /** Compare only these columns, where both sides have them; absent: all. */
  readonly only?: readonly string[]
}

const ORDER_COLUMNS = [
  ...['event_id', 'order_id', 'event_time', 'anonymous_id', 'currency', 'units'],
  ...['revenue', 'tax', 'shipping', 'total'],
]

/** Compares the sessions that the stream serves, and the marts' sessions and orders. */
export async function findGoldDifferences(
  { plain, stream, marts, logic }: ReconcileInput,
  dates: readonly string[],
): Promise<readonly DatedDifference[]> {
  const orders = logic.graph.find(({ model }) => model.name === 'silver.orders')?.model.sql
  const ordersSql = orders ?? 'SELECT * FROM silver.orders'
  const run = queryPlain(plain)
  const sessions = 'SELECT * FROM gold.sessions'
  const tables: readonly RowTable[] = [
    servedSessions(plain, stream),
    {
      table: 'fct_sessions',
      key: 'session_id',
      expectedSql: sessions,
      expected: run,
      actualSql: 'SELECT * FROM fct_sessions',
      actual: marts,
    },
    {
      table: 'fct_orders',
      key: 'event_id',
      // From silver.events, as Gold's revenue: so silver.orders is checked, too.
      expectedSql: `SELECT *, shop_day(event_time) AS shop_date FROM (${ordersSql})
        WHERE NOT is_bot`,
      expected: run,
      actualSql: 'SELECT * FROM fct_orders',
      actual: marts,
      only: ORDER_COLUMNS,
    },
  ]
  return compareTables(plain, tables, dates)
}

/** Compares daily Gold tables and sessions, as served, with the same SELECTs over Silver. */
export async function findServedDifferences(
  { plain, stream, logic }: Pick<ReconcileInput, 'plain' | 'stream' | 'logic'>,
  dates: readonly string[],
): Promise<readonly DatedDifference[]> {
  const models = new Set(logic.graph.map(({ model }) => model.name))
  const daily = RECONCILE_TABLES.filter(({ model }) => {
    return models.has(model) && model !== SESSIONS
  })
  const tables = daily.map(({ model, goldSql, key }): RowTable => {
    const id = key.length === 0 ? "'the day'" : printKeySql(key)
    const keyed = `SELECT *, ${id} AS _key FROM (${goldSql})`
    const sides = {
      expectedSql: keyed,
      expected: queryOnTime(plain),
      actualSql: keyed,
      actual: stream,
    }
    return { table: model, key: '_key', ...sides }
  })
  return compareTables(plain, [...tables, servedSessions(plain, stream)], dates)
}

const SESSIONS = 'gold.sessions'

function servedSessions(plain: AuditSql, stream: RunQuery): RowTable {
  return {
    table: SESSIONS,
    key: 'session_id',
    expectedSql: `SELECT * FROM ${SESSIONS}`,
    expected: queryOnTime(plain),
    actualSql: `SELECT * FROM ${SESSIONS}`,
    actual: stream,
  }
}

/** DuckDB's rows have the same plain values as those of the ports; columns are not used here. */
function queryPlain(plain: AuditSql): RunQuery {
  return async (sql) => ({ columns: [], ...(await plain.all(sql)) })
}

/** The same over catalog `on_time`. */
function queryOnTime(plain: AuditSql): RunQuery {
  return async (sql) => {
    await plain.run('USE on_time')
    try {
      return await queryPlain(plain)(sql)
    } finally {
      await plain.run('USE memory')
    }
  }
}

async function compareTables(
  plain: AuditSql,
  tables: readonly RowTable[],
  dates: readonly string[],
): Promise<readonly DatedDifference[]> {
  const found: DatedDifference[] = []
  for (const table of tables) {
    const columns = await sharedColumns(table, await describeColumns(plain, table.expectedSql))
    appendAll(found, await compareRowTable(table, columns, dates))
  }
  return found
}

/** Columns that both sides have, with the types of the expected side. */
async function sharedColumns(
  { actual, actualSql, only }: RowTable,
  expected: readonly RowColumn[],
): Promise<readonly RowColumn[]> {
  const { columns } = await actual(`SELECT * FROM (${actualSql}) LIMIT 0`)
  const there = new Set(columns.map(({ name }) => name))
  return expected.filter(({ name }) => there.has(name) && (only?.includes(name) ?? true))
}

async function compareRowTable(
  table: RowTable,
  columns: readonly RowColumn[],
  dates: readonly string[],
): Promise<readonly DatedDifference[]> {
  const { expected, actual, expectedSql, actualSql, key } = table
  const sums = (select: string) => `SELECT CAST(shop_date AS VARCHAR) AS date,
      count(*) || ' ' || sum(${hashSql(columns)}::HUGEINT) AS sum
    FROM (${select}) WHERE shop_date IN (${datesSql(dates)}) GROUP BY shop_date`
  const sumsOf = async (run: RunQuery, select: string) =>
    new Map((await run(sums(select))).rows.map((row) => [String(row.date), String(row.sum)]))
  const [wanted, found] = await Promise.all([
    sumsOf(expected, expectedSql),
    sumsOf(actual, actualSql),
  ])
  const differences: DatedDifference[] = []
  for (const { key: date } of findRowProblems(wanted, found)) {
    const hashes = (select: string) => `SELECT CAST(${quoteName(key)} AS VARCHAR) AS key,
        string_agg(CAST(${hashSql(columns)} AS VARCHAR), ' ' ORDER BY ALL) AS hash
      FROM (${select}) WHERE shop_date = DATE ${quoteText(date)} GROUP BY 1`
    const hashesOf = async (run: RunQuery, select: string) =>
      new Map((await run(hashes(select))).rows.map((row) => [String(row.key), String(row.hash)]))
    const problems = findRowProblems(
      await hashesOf(expected, expectedSql),
      await hashesOf(actual, actualSql),
    )
    const named = problems.slice(0, ROWS_MAX).map((one) => one.key)
    const values = (select: string) => `SELECT * FROM (${select})
      WHERE shop_date = DATE ${quoteText(date)}
        AND CAST(${quoteName(key)} AS VARCHAR) IN (${named.map(quoteText).join(', ')})`
    const rowsOf = async (run: RunQuery, select: string) =>
      new Map((await run(values(select))).rows.map((row) => [String(row[key]), row]))
    const [before, after] = [await rowsOf(expected, expectedSql), await rowsOf(actual, actualSql)]
    const names = columns.map(({ name }) => name)
    appendAll(
      differences,
      problems.map(({ key: id, problem }): DatedDifference => {
        const [good, bad] = [before.get(id), after.get(id)]
        return {
          date,
          table: table.table,
          key: id,
          problem,
          of: orderLabel(good ?? bad),
          columns: findDifferingColumns(good, bad, names),
        }
      }),
    )
  }
  return differences
}

/** What people call the row, if it belongs to an order. */
export function orderLabel(row: Row | undefined): string | null {
  const id = row?.order_id
  return id === undefined || id === null ? null : `order ${id}`
}
