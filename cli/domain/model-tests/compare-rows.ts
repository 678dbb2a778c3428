/**
 * Expected rows against those that came: only named columns count, in any order of rows. What does not
 * match is paired by the model's key, so that a difference reads as "this row, this column".
 */
import type { RawRow } from './model-test.ts'
import { parseTimeMs } from './read-time.ts'

export interface ResultColumn {
  readonly name: string
  /** DuckDB's name of the type. */
  readonly type: string
}

export type Difference =
  | { readonly kind: 'missing'; readonly row: RawRow }
  | { readonly kind: 'unexpected'; readonly row: RawRow }
  | {
      readonly kind: 'different'
      /** What tells the row from others. */
      readonly row: RawRow
      readonly columns: readonly {
        readonly column: string
        readonly expected: unknown
        readonly actual: unknown
      }[]
    }
  | { readonly kind: 'wrong'; readonly message: string }

export interface Comparison {
  readonly expected: readonly RawRow[]
  readonly actual: readonly RawRow[]
  readonly columns: readonly ResultColumn[]
  /** Columns that tell rows apart. */
  readonly key: readonly string[]
  /** Whether rows beyond the expected ones are a difference. */
  readonly isExact: boolean
  /** Day of times without one, YYYY-MM-DD. */
  readonly date: string | undefined
  /** Label → event_id. */
  readonly labels: ReadonlyMap<string, string>
}

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

/** Expected index → actual index: as many pairs as there can be (augmenting paths). */
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

/** The row left over that is most like the expected one: with its key, or with some value in common. */
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
  const told = key.length > 0 ? key : named.filter((column) => !wrong.includes(column))
  return {
    kind: 'different',
    row: pickColumns(expected, new Set(told)),
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

/** Whether a value as a test writes it is the value of a result, which is in the shapes of json-output.md. */
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

/** Lists have the same length; of a struct the named fields count. */
function matchesNested(expected: unknown, actual: unknown): boolean {
  if (actual === null || typeof actual !== 'object') return String(expected) === String(actual)
  if (expected === null || typeof expected !== 'object') return false
  if (Array.isArray(actual) && (!Array.isArray(expected) || expected.length !== actual.length))
    return false
  return Object.entries(expected).every(
    ([name, value]) => matchesNested(value, (actual as RawRow)[name]), // an object or a list, and both are asked by name
  )
}

/** `12.50`, `12.5` and `+12.5` as one text. */
function normalizeDecimal(text: string): string {
  const [, sign = '', whole = '', fraction = ''] =
    /^([+-]?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(text) ?? []
  if (whole === '') return text
  const value = fraction === '' ? whole : `${whole}.${fraction}`
  return sign === '-' && value !== '0' ? `-${value}` : value
}
