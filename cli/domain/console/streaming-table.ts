/**
 * A table whose rows arrive one by one. The first row sets the widths of the columns, with room for
 * what values of their types usually take; if that is too wide, each row is a block with one value
 * per line.
 */
import { type Column, formatCell, formatTable, type Paint } from './text.ts'

interface TypedColumn {
  readonly name: string
  readonly type: string
}

type Row = Readonly<Record<string, unknown>>

const GAP = 2

/**
 * Returns a function that formats the next row; the first one comes with the column heads above it.
 */
export function createRowFormatter(
  columns: readonly TypedColumn[],
  options: { readonly width: number; readonly paint: Paint },
): (row: Row) => readonly string[] {
  let keys: readonly Column[] | undefined
  let isTable = false
  return (row) => {
    const isFirst = keys === undefined
    keys ??= columnsFor(columns, row, options.width)
    if (isFirst) isTable = formatTable(keys, [], options).length > 0
    const lines = formatTable(keys, [row], options)
    // A row with numbers that don't fit under the heads has a value per line.
    if (!isTable || lines.length > 2) return isFirst ? lines : ['', ...lines]
    return isFirst ? lines : lines.slice(1)
  }
}

function columnsFor(columns: readonly TypedColumn[], row: Row, width: number): readonly Column[] {
  const needed = columns.map(({ name }) =>
    Math.max(formatCell(name).length, formatCell(row[name]).length),
  )
  let room = width - needed.reduce((sum, one) => sum + one + GAP, -GAP)
  return columns.map(({ name, type }, index) => {
    const least = needed[index] ?? 0
    const more = Math.max(0, Math.min(room, usualWidth(type) - least))
    room -= more
    return { key: name, align: isNumber(type) ? 'right' : 'left', widthMin: least + more }
  })
}

function isNumber(type: string): boolean {
  return /^(DECIMAL|BIGINT|INT|DOUBLE|FLOAT|HUGEINT)/.test(type)
}

function usualWidth(type: string): number {
  if (/^TIMESTAMP/.test(type)) return 24
  if (/^DECIMAL/.test(type)) return 10
  if (/^(BIGINT|DOUBLE|DATE)/.test(type)) return 10
  if (/^(VARCHAR|STRING)/.test(type)) return 16
  return 6
}
