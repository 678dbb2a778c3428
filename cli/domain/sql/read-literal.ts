/** Reads constants and intervals from DuckDB's AST. */
import { type AstNode, isNode } from './ast.ts'
import type { Expr } from './tree.ts'
import { readType } from './types.ts'

const INTERVALS_MS: Readonly<Record<string, number>> = {
  to_milliseconds: 1,
  to_seconds: 1000,
  to_minutes: 60_000,
  to_hours: 3_600_000,
  to_days: 86_400_000,
}

/** Milliseconds of to_minutes(30) and similar calls; undefined for any other call. */
export function readIntervalMs(name: string, amount: Expr | undefined): number | undefined {
  const unitMs = INTERVALS_MS[name]
  const number = unitMs === undefined ? undefined : findNumber(amount)
  return unitMs === undefined || number === undefined ? undefined : number * unitMs
}

/**
 * DuckDB writes the amount of an interval as CAST(trunc(CAST(30 AS DOUBLE)) AS BIGINT); this finds
 * the 30.
 */
function findNumber(expr: Expr | undefined): number | undefined {
  if (expr?.is === 'literal') return Number(expr.text)
  if (expr?.is === 'cast') return findNumber(expr.of)
  return expr?.is === 'call' && expr.name === 'trunc' ? findNumber(expr.args[0]) : undefined
}

/** Reads a constant. DuckDB gives a decimal as its digits; here the point is put back. */
export function readLiteral(value: AstNode, at: number | undefined): Expr {
  const type = readType(isNode(value.type) ? value.type : {}) ?? { is: 'NULL' }
  const raw = value.value
  if (value.is_null === true || raw === undefined || raw === null)
    return { is: 'literal', type, text: undefined, at }
  const text = type.is === 'DECIMAL' ? insertPoint(String(raw), type.scale) : String(raw)
  return { is: 'literal', type, text, at }
}

function insertPoint(digits: string, scale: number): string {
  if (scale === 0) return digits
  const sign = digits.startsWith('-') ? '-' : ''
  const padded = digits.slice(sign.length).padStart(scale + 1, '0')
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
}
