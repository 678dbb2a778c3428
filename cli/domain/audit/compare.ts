/**
 * Compares two sets of rows in both directions by key and row hash: what the model's SELECT returns
 * as an ordinary query (expected), and what is stored or served (actual). One aggregation over both
 * does it, so that DuckDB can spill large sets to disk.
 */
import { quoteName } from '../kernel/sql-text.ts'
import type { AuditSql } from './catalog.ts'
import { type AuditFault, IDS_MAX } from './log-accounts.ts'

/** A column and its DuckDB type. */
export interface RowColumn {
  readonly name: string
  readonly type: string
}

/** The columns that a SELECT returns. */
export async function describeColumns(
  sql: AuditSql,
  select: string,
): Promise<readonly RowColumn[]> {
  const { rows } = await sql.all(`DESCRIBE ${select}`)
  return rows.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }))
}

/** SQL of a row's hash: equal for equal rows of these columns and types, in any DuckDB instance. */
export function hashSql(columns: readonly RowColumn[]): string {
  const values = columns.map(({ name, type }) => `CAST(${quoteName(name)} AS ${type})`)
  return `hash(${values.join(', ')})`
}

/** A SELECT of `keys`, `_h` (row hash) and `_u` (how many source rows are in the row). */
export function keyedSql(
  select: string,
  shape: { keys: readonly string[]; columns: readonly RowColumn[]; units?: string },
): string {
  const { keys, columns, units = '1' } = shape
  const list = [...keys.map(quoteName), `${hashSql(columns)} AS _h`, `${units} AS _u`]
  return `SELECT ${list.join(', ')} FROM (${select})`
}

/** Counts of a comparison. */
export interface Comparison {
  /** Groups that agree, and all groups expected. */
  readonly agreedGroups: number
  readonly expectedGroups: number
  /** Source rows behind these groups. */
  readonly agreedUnits: number
  readonly expectedUnits: number
  /** Groups that do not agree. */
  readonly wrong: number
}

/**
 * Compares the keyed relations `expected` and `actual` by the columns `by`. A group agrees if both
 * sides have the same rows in it, equally often.
 */
export async function compareRelations(
  plain: AuditSql,
  relations: { readonly expected: string; readonly actual: string },
  by: readonly string[],
): Promise<Comparison> {
  const { rows } = await plain.all(`SELECT
      count(*) FILTER (${AGREES}) AS a, count(*) FILTER (e > 0) AS b,
      coalesce(sum(u) FILTER (${AGREES}), 0)::BIGINT AS c, coalesce(sum(u), 0)::BIGINT AS d,
      count(*) FILTER (NOT (${AGREES})) AS wrong
    FROM (${groupsSql(relations, by)})`)
  const { a, b, c, d, wrong } = rows[0] ?? {}
  return {
    agreedGroups: Number(a),
    expectedGroups: Number(b),
    agreedUnits: Number(c),
    expectedUnits: Number(d),
    wrong: Number(wrong),
  }
}

const AGREES = 'e = s AND eh = sh'

/** The groups that do not agree, by the model's key. */
export async function findDifferences(
  plain: AuditSql,
  model: string,
  relations: { readonly expected: string; readonly actual: string },
  key: readonly string[],
): Promise<readonly AuditFault[]> {
  return queryFaults(
    plain,
    model,
    `SELECT ${idSql(key)} AS id, CASE WHEN s = 0 THEN 'missing' WHEN e = 0 THEN 'unexpected'
        WHEN s > e THEN 'doubled' WHEN s < e THEN 'missing' ELSE 'differs' END AS problem
      FROM (${groupsSql(relations, key)}) WHERE NOT (${AGREES})`,
  )
}

/** Summarizes a SELECT of `problem` and `id`: one fault for each problem. */
export async function queryFaults(
  sql: AuditSql,
  model: string,
  select: string,
): Promise<readonly AuditFault[]> {
  const { rows } = await sql.all(`SELECT problem, count(*) AS n, min(id, ${IDS_MAX}) AS ids
    FROM (${select}) GROUP BY problem ORDER BY problem`)
  return rows.map(({ problem, n, ids }) => ({
    model,
    check: String(problem),
    count: Number(n),
    ids: ids as readonly string[], // idSql is never NULL, so min(id, n) is a list of texts
  }))
}

/** SQL of a row's key as text. */
export function idSql(key: readonly string[]): string {
  if (key.length === 0) return `'the row'`
  const parts = key.map((name) => `coalesce(CAST(${quoteName(name)} AS VARCHAR), 'NULL')`)
  return parts.join(` || '|' || `)
}

function groupsSql(
  { expected, actual }: { readonly expected: string; readonly actual: string },
  by: readonly string[],
): string {
  const names = by.map((name) => `${quoteName(name)}, `).join('')
  const group = by.length === 0 ? '' : ` GROUP BY ${by.map(quoteName).join(', ')}`
  return `SELECT ${names} sum(e)::BIGINT AS e, sum(s)::BIGINT AS s, sum(eh) AS eh, sum(sh) AS sh,
      sum(u)::BIGINT AS u
    FROM (
      SELECT ${names} 1 AS e, 0 AS s, _h::HUGEINT AS eh, 0::HUGEINT AS sh, _u AS u FROM ${expected}
      UNION ALL SELECT ${names} 0, 1, 0::HUGEINT, _h::HUGEINT, 0 FROM ${actual}
    )${group}`
}
