/**
 * Compares expected rows with actual rows: only named columns count, and rows may be in
 * any order. Unmatched rows are paired by the model's key, so that a difference reads
 * as "this row, this column".
 */
import type { RawRow } from './model-test.ts'
import { parseTimeMs } from './read-time.ts'

/** A column of a query's result. */
export interface ResultColumn {
  readonly name: string
  /** DuckDB's name for the type. */
  readonly type: string
}

/** One difference; `row` has the named columns and the key only. */
export type Difference =
  | { readonly kind: 'missing'; readonly row: RawRow }
  | { readonly kind: 'unexpected'; readonly row: RawRow }
  | {
      readonly kind: 'different'
      /** The columns that identify the row. */
      readonly row: RawRow
      readonly columns: readonly {
        readonly column: string
        readonly expected: unknown
        readonly actual: unknown
      }[]
    }
  | { readonly kind: 'wrong'; readonly message: string }

/** What to compare, and how. */
export interface Comparison {
  readonly expected: readonly RawRow[]
  readonly actual: readonly RawRow[]
  readonly columns: readonly ResultColumn[]
  /** Columns that identify a row. */
  readonly key: readonly string[]
  /** Whether additional actual rows are a difference. */
  readonly isExact: boolean
  /** The date of times without one, YYYY-MM-DD. */
  readonly date: string | undefined
  /** Label of an event → its event_id. */
  readonly labels: ReadonlyMap<string, string>
}

/** Returns the differences, in the order of the expected rows; [] if everything matches. */
export function compareRows(given: Comparison): readonly Difference[] {
  const { expected, actual, isExact } = given
  const matches = matchRows(given)
  const left = [...actual.keys()].filter((index) => ![...matches.values()].includes(index))
  const differences: Difference[] = []
  for (const [index, row] of expected.entries()) {
    if (matches.has(index)) continue
    const near = nearestRow(given, row, left)
    if (near === undefined) differences.push({ kind: 'missing', row })
    else {
      left.splice(left.indexOf(near), 1)
      differences.push(describeDifference(given, row, actual[near] ?? {}))
    }
  }
  const named = new Set([...given.key, ...expected.flatMap((row) => Object.keys(row))])
  if (isExact)
    for (const index of left) {
      const row = actual[index] ?? {}
      differences.push({
        kind: 'unexpected',
        row: expected.length > 0 ? pickColumns(row, named) : row,
      })
    }
  return differences
}

/** Matches expected to actual indexes, as many as possible (augmenting paths). */
function matchRows(given: Comparison): ReadonlyMap<number, number> {
  const { expected, actual } = given
  const takenBy = new Map<number, number>()
  const place = (index: number, tried: Set<number>): boolean => {
    for (const [other, row] of actual.entries()) {
      if (tried.has(other) || !isMatch(given, expected[index] ?? {}, row)) continue
      tried.add(other)
      const holder = takenBy.get(other)
      if (holder !== undefined && !place(holder, tried)) continue
      takenBy.set(other, index)
      return true
    }
    return false
  }
  for (const index of expected.keys()) place(index, new Set())
  return new Map([...takenBy].map(([other, index]) => [index, other]))
}

function isMatch(given: Comparison, expected: RawRow, actual: RawRow): boolean {
  return Object.keys(expected).every((column) => isSame(given, column, expected, actual))
}

function isSame(given: Comparison, column: string, expected: RawRow, actual: RawRow): boolean {
  const type = given.columns.find(({ name }) => name === column)?.type ?? ''
  const value = expected[column]
  const label = column === 'event_id' ? given.labels.get(String(value)) : undefined
  return isSameValue(label ?? value, actual[column], type, given.date)
}

/**
 * Finds the unmatched row most similar to the expected one: with the same key, or a common value.
 */
function nearestRow(
  given: Comparison,
  expected: RawRow,
  left: readonly number[],
): number | undefined {
  const key = given.key.filter((column) => column in expected)
  let best: number | undefined
  let bestScore = 0
  for (const index of left) {
    const actual = given.actual[index] ?? {}
    if (!key.every((column) => isSame(given, column, expected, actual))) continue
    const same = Object.keys(expected).filter((one) => isSame(given, one, expected, actual))
    const score = same.length + (key.length > 0 || given.key.length === 0 ? 1 : 0)
    if (score > bestScore) {
      best = index
      bestScore = score
    }
  }
  return best
}

function describeDifference(given: Comparison, expected: RawRow, actual: RawRow): Difference {
  const named = Object.keys(expected)
  const wrong = named.filter((column) => !isSame(given, column, expected, actual))
  const key = given.key.filter((column) => column in expected)
  const identifying = key.length > 0 ? key : named.filter((column) => !wrong.includes(column))
  return {
    kind: 'different',
    row: pickColumns(expected, new Set(identifying)),
    columns: wrong.map((column) => ({
      column,
      expected: expected[column],
      actual: actual[column],
    })),
  }
}

function pickColumns(row: RawRow, columns: ReadonlySet<string>): RawRow {
  return Object.fromEntries(Object.entries(row).filter(([column]) => columns.has(column)))
}

/** Compares a value as tests write it with one in the shapes of docs/json-output.md. */
export function isSameValue(
  expected: unknown,
  actual: unknown,
  type: string,
  date: string | undefined,
): boolean {
  if (expected === null || actual === null || actual === undefined) return expected === actual
  if (typeof actual === 'object') return matchesNested(expected, actual)
  if (type.startsWith('TIMESTAMP')) {
    const ms = parseTimeMs(String(expected), date)
    return ms !== undefined && ms === parseTimeMs(String(actual))
  }
  if (type.startsWith('DECIMAL'))
    return normalizeDecimal(String(expected)) === normalizeDecimal(String(actual))
  if (type === 'DOUBLE' || type === 'FLOAT') {
    const [one, other] = [Number(expected), Number(actual)]
    return Math.abs(one - other) <= 1e-9 * Math.max(1, Math.abs(other))
  }
  return String(expected) === String(actual)
}

/** Lists must have equal lengths; of a struct, only the named fields count. */
function matchesNested(expected: unknown, actual: unknown): boolean {
  if (actual === null || typeof actual !== 'object') return String(expected) === String(actual)
  if (expected === null || typeof expected !== 'object') return false
  if (Array.isArray(actual) && (!Array.isArray(expected) || expected.length !== actual.length))
    return false
  return Object.entries(expected).every(
    // An object or a list; both are read by key.
    ([name, value]) => matchesNested(value, (actual as RawRow)[name]),
  )
}

/** Makes `12.50`, `12.5` and `+12.5` the same text. */
function normalizeDecimal(text: string): string {
  const [, sign = '', whole = '', fraction = ''] =
    /^([+-]?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(text) ?? []
  if (whole === '') return text
  const value = fraction === '' ? whole : `${whole}.${fraction}`
  return sign === '-' && value !== '0' ? `-${value}` : value
}
