/**
 * Where the parts of a printed statement come from, so that an error of Flink, which names a line
 * and column of the statement, names those of the model's file. Parts are marked while they are
 * printed; the marks are taken out before anybody reads the SQL.
 */

import type { Statement, StatementPlace } from '../../../domain/dialects/dialect.ts'
import type { Location } from '../../../domain/kernel/errors.ts'
import { least } from '../../../domain/kernel/lists.ts'
import { toSelectSource } from '../../../domain/models/graph.ts'
import type { Model } from '../../../domain/models/model.ts'
import { locate } from '../../../domain/sql/ast.ts'
import type { Expr } from '../../../domain/sql/tree.ts'

/** Marks are of Unicode's private use area, which no text of a model has a use for. */
const MARKS = /\uE000(\d+)\uE001|\uE002/g

/** Marks a part that was printed from an expression of the model. */
export function markPlace(expr: Expr | undefined, sql: string): string {
  const at = expr && findOffset(expr)
  return at === undefined ? sql : `\uE000${at}\uE001${sql}\uE002`
}

/** Takes the marks out of a statement. */
export function readPlaces({ what, sql }: Statement): Statement {
  const places: StatementPlace[] = []
  const open: { readonly at: number; readonly from: number }[] = []
  let [text, end] = ['', 0]
  for (const { 0: mark, 1: at, index } of sql.matchAll(MARKS)) {
    text += sql.slice(end, index)
    end = index + mark.length
    if (at !== undefined) open.push({ at: Number(at), from: text.length })
    else places.push({ at: 0, from: 0, ...open.pop(), to: text.length })
  }
  return { what, sql: text + sql.slice(end), ...(places.length > 0 && { places }) }
}

/**
 * The place in the model's file of a place in a statement; both count from 1. Of a part that names
 * a column or function, that name; outside of all parts, where the model's SELECT begins.
 */
export function locateInModel(
  model: Model,
  { sql, places = [] }: Pick<Statement, 'sql' | 'places'>,
  line: number,
  column: number,
): Location {
  const lines = sql.split('\n')
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0)
  const offset = before + column - 1
  const [place] = places
    .filter(({ from, to }) => from <= offset && offset < to)
    .sort((a, b) => a.to - a.from - (b.to - b.from))
  if (place === undefined) return locate(toSelectSource(model), undefined)
  const name = /^`?(\w+)/.exec(sql.slice(offset))?.[1]
  return locate(toSelectSource(model), findName(model.sql, place.at, name) ?? place.at)
}

/** The first place of a name from an offset on, at most until the next part of the SELECT. */
function findName(sql: string, at: number, name: string | undefined): number | undefined {
  if (name === undefined) return undefined
  const bytes = Buffer.from(sql)
  const [rest = ''] = bytes
    .subarray(at)
    .toString()
    .split(/,\s*\n|\n(?:FROM|WHERE|GROUP|QUALIFY)\b/)
  const found = new RegExp(`\\b${name}\\b`, 'i').exec(rest)
  return found ? at + Buffer.byteLength(rest.slice(0, found.index)) : undefined
}

/** The first offset of an expression or of what is in it. */
function findOffset(expr: unknown): number | undefined {
  if (typeof expr !== 'object' || expr === null) return undefined
  const offsets = Object.entries(expr).flatMap(([key, value]) => {
    const at = key === 'at' && typeof value === 'number' ? value : findOffset(value)
    return at === undefined ? [] : [at]
  })
  return offsets.length > 0 ? least(offsets) : undefined
}
