/** Differences of a failed test as lines for a person, in the words of the test file. */

import type { Difference } from './compare.ts'
import type { RawRow } from './model-test.ts'

export function differenceLines(differences: readonly Difference[]): string[] {
  return differences.flatMap((one) => {
    switch (one.kind) {
      case 'missing':
        return [`missing     ${rowText(one.row)}`]
      case 'unexpected':
        return [`unexpected  ${rowText(one.row)}`]
      case 'different':
        return [
          `different   ${rowText(one.row)}`,
          ...one.columns.map(
            ({ column, expected, actual }) =>
              `              ${column}: expected ${valueText(expected)}, got ${valueText(actual)}`,
          ),
        ]
      case 'wrong':
        return [one.message]
      default:
        return one satisfies never
    }
  })
}

function rowText(row: RawRow): string {
  const values = Object.entries(row).map(([column, value]) => `${column}: ${valueText(value)}`)
  return values.length === 0 ? 'the row' : `{ ${values.join(', ')} }`
}

function valueText(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'object') return JSON.stringify(value)
  // As the file writes times; control characters must not reach a terminal.
  return String(value)
    .replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.000)?(\.\d+)?Z$/, '$1 $2$3')
    .replace(/\p{Cc}/gu, ' ')
}
