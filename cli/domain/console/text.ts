/**
 * What commands print, as text: styled words, tables that fit the terminal, the line of a progress bar,
 * and errors as people read them. Pure: it gives strings, command.ts writes them.
 */
import type { CcsError, Location } from '../kernel/errors.ts'
import { formatCount, formatDuration } from '../kernel/units.ts'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

/** Styles a text, or leaves it as it is; made once for an output that has colours or has not. */
export type Paint = (style: Style, text: string) => string

export function createPainter(hasColours: boolean): Paint {
  return (style, text) => {
    const [on, off] = CODES[style]
    return hasColours && text !== '' ? `\u001B[${on}m${text}\u001B[${off}m` : text
  }
}

export interface Column {
  /** Key in the row. */
  readonly key: string
  /** Heading; the key when absent. */
  readonly title?: string
  readonly align?: 'left' | 'right'
  /** Its width where there is room, though no value needs it. */
  readonly widthMin?: number
}

/** No column of a table is cut below this: where even that is too wide, rows are listed one value a line. */
const COLUMN_MIN = 6
const GAP = '  '

/**
 * Lines of a table no wider than `width`: the widest columns are cut, cut cells end in `…`; with too many
 * columns each row becomes a block of `column  value` lines. Numbers are right-aligned; null is empty.
 */
export function formatTable(
  columns: readonly Column[],
  objects: readonly object[],
  options: { readonly width: number; readonly paint: Paint },
): string[] {
  // Any object can be asked for a key; an interface just doesn't say so.
  const rows = objects as readonly Readonly<Record<string, unknown>>[]
  const titles = columns.map((column) => column.title ?? column.key)
  const cells = rows.map((row) => columns.map((column) => formatCell(row[column.key])))
  const widths = titles.map((title, index) =>
    Math.max(
      title.length,
      columns[index]?.widthMin ?? 0,
      ...cells.map((row) => row[index]?.length ?? 0),
    ),
  )
  const room = options.width - GAP.length * (columns.length - 1)
  const least = widths.reduce((sum, width) => sum + Math.min(width, COLUMN_MIN), 0)
  if (least > room) return blocks(titles, cells, options)
  narrow(widths, room)
  const isRight = columns.map(
    ({ key, align }) =>
      align === 'right' ||
      (align === undefined && rows.length > 0 && rows.every((row) => isNumber(row[key]))),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => {
        const size = widths[index] ?? 0
        return isRight[index] ? cut(cell, size).padStart(size) : cut(cell, size).padEnd(size)
      })
      .join(GAP)
      .trimEnd()
  return [options.paint('dim', line(titles)), ...cells.map(line)]
}

function blocks(
  titles: readonly string[],
  cells: readonly (readonly string[])[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string[] {
  const size = Math.max(...titles.map((title) => title.length))
  return cells.flatMap((row, index) => [
    ...(index === 0 ? [] : ['']),
    ...titles.map((title, column) => {
      const value = cut(row[column] ?? '', Math.max(COLUMN_MIN, width - size - GAP.length))
      return `${paint('dim', title.padEnd(size))}${GAP}${value}`.trimEnd()
    }),
  ])
}

/** Narrows the widest column until the sum fits. */
function narrow(widths: number[], room: number): void {
  let over = widths.reduce((sum, width) => sum + width, 0) - room
  for (; over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
}

function isNumber(value: unknown): boolean {
  if (value === null || value === undefined) return true
  if (typeof value === 'number' || typeof value === 'bigint') return true
  return typeof value === 'string' && /^-?[\d,]+(\.\d+)?%?$/.test(value)
}

/** A value as a table shows it. */
export function formatCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(Number(value.toPrecision(15)))
  const text = typeof value === 'object' ? JSON.stringify(value, replaceBigints) : String(value)
  // Control characters from data must not reach a terminal.
  return text.replace(/\p{Cc}/gu, ' ')
}

/** For JSON.stringify: whole numbers beyond 2^53 become text, so that no reader rounds them. */
export function replaceBigints(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}

export interface ProgressState {
  readonly label: string
  readonly done: number
  /** Unknown when absent: no bar, only the count. */
  readonly total?: number
  readonly elapsedMs: number
}

/** `label  ██████░░░░  60 %  1,200 of 2,000  3.1 s left`, no wider than `width`. */
export function formatProgress(state: ProgressState, width: number): string {
  const { label, done, total, elapsedMs } = state
  if (total === undefined || total <= 0)
    return cut(`${label}  ${formatCount(done)}  ${formatDuration(elapsedMs)}`, width)
  const share = Math.min(1, done / total)
  const cells = 20
  const full = Math.floor(share * cells)
  const left =
    share > 0 && share < 1 ? `  ${formatDuration((elapsedMs * (1 - share)) / share)} left` : ''
  const bar = `${'█'.repeat(full)}${'░'.repeat(cells - full)}`
  const count = `${formatCount(done)} of ${formatCount(total)}`
  return cut(`${label}  ${bar}  ${Math.floor(share * 100)} %  ${count}${left}`, width)
}

function cut(line: string, width: number): string {
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line
}

/** `sql/gold/sessions.sql:12:5` */
export function formatLocation(location: Location): string {
  return [location.file, location.line, location.column]
    .filter((part) => part !== undefined)
    .join(':')
}

/** An error for a person: message, place, the line with a caret, hint; then its `others` the same way. */
export function formatError(error: CcsError, paint: Paint): string[] {
  const all = [error, ...error.others]
  const lines = all.flatMap((one, index) => [
    ...(index === 0 ? [] : ['']),
    `${paint('red', 'error')}${paint('dim', `[${one.code}]`)}: ${one.message}`,
    ...(one.location ? sourceLines(one.location, paint) : []),
    ...(one.hint === undefined
      ? []
      : one.hint.split('\n').map((hint) => `  ${paint('cyan', hint)}`)),
  ])
  return all.length === 1 ? lines : [...lines, '', `${all.length} faults.`]
}

function sourceLines(location: Location, paint: Paint): string[] {
  const place = `  at ${formatLocation(location)}`
  if (location.text === undefined || location.line === undefined) return [place]
  // A long line is shown around the fault only.
  const from = Math.max(0, (location.column ?? 1) - 61)
  const text = location.text.slice(from, from + 100).replaceAll('\t', ' ')
  const gutter = `  ${location.line} | `
  const shown = [place, `${paint('dim', gutter)}${text}`]
  if (location.column !== undefined)
    shown.push(`${' '.repeat(gutter.length + location.column - 1 - from)}${paint('red', '^')}`)
  return shown
}

/** One fault in the `--json` error document. */
export interface ErrorDocument {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly location?: Location
  readonly others?: readonly ErrorDocument[]
}

/** What `--json` prints of an error, under the key `error`. */
export function toErrorDocument(error: CcsError): ErrorDocument {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.location === undefined ? {} : { location: error.location }),
    ...(error.others.length === 0 ? {} : { others: error.others.map(toErrorDocument) }),
  }
}

/** Breaks a long line between words; what follows is indented. A word that is too long is cut. */
export function wrapLine(line: string, width: number, indent = 4): readonly string[] {
  const lines: string[] = []
  const room = width - indent
  let open = ''
  for (const word of line.split(' ')) {
    const limit = lines.length === 0 ? width : room
    if (open !== '' && open.length + 1 + word.length > limit) {
      lines.push(open)
      open = word
    } else open = open === '' ? word : `${open} ${word}`
    while (open.length > (lines.length === 0 ? width : room)) {
      const size = lines.length === 0 ? width : room
      lines.push(open.slice(0, size))
      open = open.slice(size)
    }
  }
  lines.push(open)
  return lines.map((text, index) => (index === 0 ? text : `${' '.repeat(indent)}${text}`))
}
