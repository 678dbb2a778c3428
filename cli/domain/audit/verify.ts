/** `ccs verify` compares Gold, as queries return it, with the generator's truth. */

import type { QueryResult } from '../sql/query-result.ts'
import { compareTable, type TableComparison } from './compare-truth.ts'
import type { Truth } from './truth.ts'

/** The document of `ccs verify`. */
export interface VerifyReport {
  readonly ok: boolean
  readonly tables: readonly {
    readonly table: string
    readonly rows: number
    readonly mismatches: number
  }[]
}

/** The report, and the first rows that differ, for people. */
export interface Verification {
  readonly report: VerifyReport
  /** One for each table, with its first rows that differ. */
  readonly comparisons: readonly TableComparison[]
}

/** Compares every row, also of open windows: the engine must have read the whole log. */
export async function verify(
  truth: Truth,
  query: (sql: string) => Promise<QueryResult>,
): Promise<Verification> {
  const comparisons: TableComparison[] = []
  for (const { table, rows } of truth.tables) {
    const columns = Object.keys(table.columns).join(', ')
    const actual = await query(`SELECT ${columns} FROM ${table.name}`)
    comparisons.push(compareTable(table, rows, actual.rows))
  }
  const tables = comparisons.map(({ table, rows, mismatches }) => ({ table, rows, mismatches }))
  return { report: { ok: tables.every(({ mismatches }) => mismatches === 0), tables }, comparisons }
}

/** The first differences of each table as lines of text. */
export function renderDifferences(comparisons: readonly TableComparison[]): string[] {
  return comparisons.flatMap(({ table, mismatches, differences }) => {
    const lines = differences.map(({ key, expected, actual }) => {
      if (expected === undefined) return `  ${key}: not in the truth, Gold has ${pairs(actual)}`
      if (actual === undefined) return `  ${key}: missing in Gold, the truth has ${pairs(expected)}`
      return `  ${key}: expected ${pairs(expected)}, Gold has ${pairs(actual)}`
    })
    const rest = mismatches - differences.length
    if (mismatches > 0) lines.unshift(`${table}: ${mismatches} rows differ`)
    if (rest > 0) lines.push(`  … and ${rest} more`)
    return lines
  })
}

function pairs(values: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(values ?? {})
    .map(([column, value]) => `${column}=${value}`)
    .join(' ')
}
