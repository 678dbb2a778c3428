/** Compares Gold with the generator's truth, row by row; values exactly, as canonical text. */
import type { TruthRow, TruthTable, ValueKind } from './truth.ts'

/** A row that is missing, unexpected or different. */
export interface Difference {
  /** The key's values in canonical text. */
  readonly key: string
  /** The columns that differ; undefined: the row is missing on that side. */
  readonly expected: Readonly<Record<string, string>> | undefined
  readonly actual: Readonly<Record<string, string>> | undefined
}

/** The result for one table. */
export interface TableComparison {
  readonly table: string
  /** Rows in the truth. */
  readonly rows: number
  /** Rows that are missing, unexpected, doubled or different. */
  readonly mismatches: number
  /** The first ten of them by key. */
  readonly differences: readonly Difference[]
}

const DIFFERENCES_MAX = 10

/** Compares a table with the truth; `actual` may have numbers and times in any notation. */
export function compareTable(
  table: TruthTable,
  expected: readonly TruthRow[],
  actual: readonly Readonly<Record<string, unknown>>[],
): TableComparison {
  const columns = Object.entries(table.columns)
  const keyAt = table.key.map((name) => columns.findIndex(([column]) => column === name))
  const keyOf = (row: readonly string[]): string => keyAt.map((at) => row[at] ?? '').join(' ')
  const truth = new Map<string, readonly string[]>()
  for (const row of expected) {
    const values = columns.map(([, kind], i) => canonicalValue(row[i], kind))
    truth.set(keyOf(values), values)
  }
  const differences: Difference[] = []
  for (const row of actual) {
    const found = columns.map(([name, kind]) =>
      name in row ? canonicalValue(row[name], kind) : '(no column)',
    )
    const key = keyOf(found)
    const wanted = truth.get(key)
    truth.delete(key)
    if (wanted === undefined) {
      differences.push({ key, expected: undefined, actual: nameValues(columns, found) })
      continue
    }
    const differ = columns.filter((_, i) => wanted[i] !== found[i])
    if (differ.length === 0) continue
    const only = (row: readonly string[]) =>
      Object.fromEntries(differ.map((column) => [column[0], row[columns.indexOf(column)] ?? '']))
    differences.push({ key, expected: only(wanted), actual: only(found) })
  }
  for (const [key, wanted] of truth) {
    differences.push({ key, expected: nameValues(columns, wanted), actual: undefined })
  }
  differences.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  return {
    table: table.name,
    rows: expected.length,
    mismatches: differences.length,
    differences: differences.slice(0, DIFFERENCES_MAX),
  }
}

function nameValues(
  columns: readonly (readonly [string, ValueKind])[],
  values: readonly string[],
): Record<string, string> {
  return Object.fromEntries(columns.map(([name], i) => [name, values[i] ?? '']))
}

/** The same text for equal values. */
function canonicalValue(value: unknown, kind: ValueKind): string {
  if (value === null || value === undefined) return 'NULL'
  switch (kind) {
    case 'time':
      return canonicalTime(value)
    case 'date':
      return String(value).slice(0, 10)
    case 'money':
      return canonicalMoney(String(value))
    case 'ratio':
      return String(Number(value))
    case 'text':
      return JSON.stringify(String(value))
    case 'count':
    case 'flag':
      return String(value)
  }
}

function canonicalTime(value: unknown): string {
  const text = String(value)
  // DuckDB writes a timestamp with a blank and without a zone; it is UTC.
  const iso = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/.test(text)
    ? `${text.replace(' ', 'T')}Z`
    : text
  const ms = Date.parse(iso)
  if (Number.isNaN(ms)) return text
  const micros = /\.\d{3}(\d+)Z$/.exec(iso)?.[1]?.replace(/0+$/, '') ?? ''
  return micros === '' ? new Date(ms).toISOString() : iso
}

function canonicalMoney(text: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text)
  if (parts === null) return text
  const [, sign = '', whole = '', fraction = ''] = parts
  const cents = fraction.replace(/0+$/, '').padEnd(2, '0')
  const isZero = /^0*$/.test(whole + cents)
  return `${isZero ? '' : sign}${whole.replace(/^0+(?=\d)/, '')}.${cents}`
}
