/**
 * Formats what commands print: styled words, tables that fit the terminal, progress bars, errors.
 * It only makes strings; command.ts writes them.
 */
import type { CcsError, Location } from '../kernel/errors.ts'
import { greatest } from '../kernel/lists.ts'
import { redactLine } from '../kernel/redact.ts'
import { formatCount, formatDuration } from '../kernel/units.ts'
import { escapeControls } from './controls.ts'

/** Colours and weights that a terminal can show. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

/** Styles a text; leaves it as it is where the output has no colours. */
export type Paint = (style: Style, text: string) => string

/**
 * The Paint of an output, which has colours (ANSI escape codes) or not. `mark` stands in each code
 * as one more number, so that the writer can tell them from those of data.
 */
export function createPainter(hasColours: boolean, mark = ''): Paint {
  const code = (one: number) => `\u001B[${one}${mark && `;${mark}`}m`
  return (style, text) => {
    const [on, off] = CODES[style]
    return hasColours && text !== '' ? `${code(on)}${text}${code(off)}` : text
  }
}

/** A column of a table. */
export interface Column {
  /** Key in the row. */
  readonly key: string
  /** Heading; the key when absent. */
  readonly title?: string
  readonly align?: 'left' | 'right'
  /** Its least width where there is room, even if no value needs it. */
  readonly widthMin?: number
}

/**
 * Columns are not cut below this width; if a table is still too wide, it has one value per line.
 */
const COLUMN_MIN = 6
const GAP = '  '

/**
 * Lines of a table no wider than `width`: the widest columns of text are cut, and cut cells end in
 * `…`. Numbers, days and times are never cut: if they don't fit, each row becomes a block of
 * `column  value` lines. Numbers are right-aligned; null is empty.
 */
export function formatTable(
  columns: readonly Column[],
  objects: readonly object[],
  options: { readonly width: number; readonly paint: Paint },
): string[] {
  // Any object can be indexed by a key, though an interface's type doesn't allow it.
  const rows = objects as readonly Readonly<Record<string, unknown>>[]
  const titles = columns.map((column) => escapeControls(column.title ?? column.key))
  const cells = rows.map((row) => columns.map((column) => formatCell(row[column.key])))
  const widths = titles.map((title, index) =>
    Math.max(
      title.length,
      columns[index]?.widthMin ?? 0,
      greatest(cells.map((row) => row[index]?.length ?? 0)),
    ),
  )
  const room = options.width - GAP.length * (columns.length - 1)
  const isExact = columns.map(
    (_, index) => cells.length > 0 && cells.every((row) => isExactValue(row[index] ?? '')),
  )
  const leastOf = (width: number, index: number) =>
    isExact[index] ? width : Math.min(width, COLUMN_MIN)
  const least = widths.reduce((sum, width, index) => sum + leastOf(width, index), 0)
  if (least > room) return formatBlocks(titles, cells, options)
  narrowColumns(widths, isExact, room)
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

function formatBlocks(
  titles: readonly string[],
  cells: readonly (readonly string[])[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string[] {
  const size = greatest(titles.map((title) => title.length))
  return cells.flatMap((row, index) => [
    ...(index === 0 ? [] : ['']),
    ...titles.map((title, column) => {
      const value = cut(row[column] ?? '', Math.max(COLUMN_MIN, width - size - GAP.length))
      return `${paint('dim', title.padEnd(size))}${GAP}${value}`.trimEnd()
    }),
  ])
}

/** Narrows the widest column of text until the sum fits. */
function narrowColumns(widths: number[], isExact: readonly boolean[], room: number): void {
  let over = widths.reduce((sum, width) => sum + width, 0) - room
  for (; over > 0; over--) {
    const texts = widths.map((width, index) => (isExact[index] ? 0 : width))
    const widest = texts.indexOf(greatest(texts))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
}

/** A number, a day or a time: without its end it would be another one. */
function isExactValue(cell: string): boolean {
  return /^([-+]?\d[-+\d.,:TZ %e]*)?$/.test(cell)
}

function isNumber(value: unknown): boolean {
  if (value === null || value === undefined) return true
  if (typeof value === 'number' || typeof value === 'bigint') return true
  return typeof value === 'string' && /^-?[\d,]+(\.\d+)?%?$/.test(value)
}

/** A value as one line of text, its control characters escaped; '' for null. */
export function formatCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(Number(value.toPrecision(15)))
  const text = typeof value === 'object' ? JSON.stringify(value, replaceBigints) : String(value)
  return escapeControls(text)
}

/**
 * A replacer for JSON.stringify: bigints become numbers, or text beyond 2^53, so that nothing is
 * rounded.
 */
export function replaceBigints(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}

/** How far something is. */
export interface ProgressState {
  readonly label: string
  readonly done: number
  /** Absent if unknown: only the count is shown then, without a bar. */
  readonly total?: number
  readonly elapsedMs: number
}

/** A line such as `label  ██████░░░░  60 %  1,200 of 2,000  3.1 s left`, no wider than `width`. */
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

/** The place as `sql/gold/sessions.sql:12:5`, with line and column if it has them. */
export function formatLocation(location: Location): string {
  return [location.file, location.line, location.column]
    .filter((part) => part !== undefined)
    .join(':')
}

/** Lines of an error: message, place, the line with a caret, hint; then those of its `others`. */
export function formatError(error: CcsError, paint: Paint): string[] {
  const all = [error, ...error.others]
  const lines = all.flatMap((one, index) => [
    ...(index === 0 ? [] : ['']),
    ...formatMessage(`${paint('red', 'error')}${paint('dim', `[${one.code}]`)}: ${one.message}`),
    ...(one.location ? formatSource(one.location, paint) : []),
    ...(one.hint === undefined
      ? []
      : one.hint.split('\n').map((hint) => `  ${paint('cyan', hint)}`)),
  ])
  if (error.more > 0)
    return [
      ...lines,
      '',
      `The first ${formatCount(all.length)} faults, and ${formatCount(error.more)} more.`,
    ]
  return all.length === 1 ? lines : [...lines, '', `${all.length} faults.`]
}

/** Lines after the first are indented: a text from elsewhere can't pass for another message. */
function formatMessage(text: string): string[] {
  return text.split('\n').map((line, index) => (index === 0 ? line : line.replace(/^ {0,2}/, '  ')))
}

/** The line of a file with settings without its secrets. */
function redactLocation(location: Location): Location {
  if (location.text === undefined || !/\.(ya?ml|json|properties)$/i.test(location.file))
    return location
  return { ...location, text: redactLine(location.text) }
}

function formatSource(location: Location, paint: Paint): string[] {
  const place = `  at ${formatLocation(location)}`
  if (location.text === undefined || location.line === undefined) return [place]
  // Of a long line only the part around the fault is shown.
  const from = Math.max(0, (location.column ?? 1) - 61)
  const text = redactLocation(location)
    .text?.slice(from, from + 100)
    .replaceAll('\t', ' ')
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
  /** How many further faults are counted only. */
  readonly more?: number
}

/** The error as `--json` prints it under the key `error`, with its `others` inside. */
export function toErrorDocument(error: CcsError): ErrorDocument {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.location === undefined ? {} : { location: redactLocation(error.location) }),
    ...(error.others.length === 0 ? {} : { others: error.others.map(toErrorDocument) }),
    ...(error.more === 0 ? {} : { more: error.more }),
  }
}

/**
 * Breaks a long line between words; all lines but the first are indented. A word that is too long
 * is split.
 */
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
