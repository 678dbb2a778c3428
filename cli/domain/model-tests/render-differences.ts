/** Renders the differences of a failed test as lines, in the notation of the test file. */

import { escapeControls } from '../console/controls.ts'
import type { Difference } from './compare-rows.ts'
import type { RawRow } from './model-test.ts'

const INDENT = ' '.repeat(14)

/** Returns one line per difference, and one per differing column. */
export function renderDifferences(differences: readonly Difference[]): string[] {
  return differences.flatMap((one) => {
    switch (one.kind) {
      case 'missing':
        return [`missing     ${renderRow(one.row)}`]
      case 'unexpected':
        return [`unexpected  ${renderRow(one.row)}`]
      case 'different':
        return [
          `different   ${renderRow(one.row)}`,
          ...one.columns.map(
            ({ column, expected, actual }) =>
              `${INDENT}${column}: expected ${renderValue(expected)}, got ${renderValue(actual)}`,
          ),
        ]
      case 'wrong':
        return [one.message]
      default:
        return one satisfies never
    }
  })
}

function renderRow(row: RawRow): string {
  const values = Object.entries(row).map(([column, value]) => `${column}: ${renderValue(value)}`)
  return values.length === 0 ? 'the row' : `{ ${values.join(', ')} }`
}

function renderValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'object') return JSON.stringify(value)
  // Times as test files write them.
  return escapeControls(
    String(value).replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.000)?(\.\d+)?Z$/, '$1 $2$3'),
  )
}
