/**
 * CSV by RFC 4180: quoted fields may hold delimiters, doubled quotes and line ends. If a quote is
 * never closed, only its line is a fault, and reading goes on with the next line, so that no other
 * rows are lost.
 */
import { isUtf8 } from 'node:buffer'
import type { RowScanner, ScannedRow } from './row-splitter.ts'
import { type CsvStyle, ROW_BYTES_MAX, RowFault } from './source-row.ts'

const QUOTE = 0x22
const LF = 0x0a
const CR = 0x0d

/** A quoted field that is still open after this many bytes counts as never closed. */
const QUOTED_BYTES_MAX = 1024 * 1024

/** Scanner for RowSplitter. The values of a row are its fields as text, however many there are. */
export function createCsvScanner(style: CsvStyle): RowScanner {
  const delimiter = style.delimiter.charCodeAt(0)
  const decode = createDecoder(style.encoding)
  return (buffer, at, lineEnd, isEnd) => {
    const quote = buffer.subarray(at, lineEnd).indexOf(QUOTE)
    if (quote < 0) {
      const bytes = buffer.subarray(at, trimCr(buffer, at, lineEnd))
      const text = decode(bytes)
      const values =
        text instanceof RowFault
          ? new RowFault(text.reason, text.message, splitBytes(bytes, style.delimiter, decode))
          : text.split(style.delimiter)
      return { next: lineEnd + 1, lines: 1, values }
    }
    return scanQuoted({ buffer, at, lineEnd, isEnd, delimiter, decode })
  }
}

/** The fields of a row of which some can't be decoded. */
function splitBytes(bytes: Buffer, delimiter: string, decode: Decode): (string | undefined)[] {
  return bytes
    .toString('latin1')
    .split(delimiter)
    .map((field) => decode(Buffer.from(field, 'latin1')))
    .map((text) => (text instanceof RowFault ? undefined : text))
}

/** Why a row does not fit a header of `columns` columns; undefined if it fits. */
export function checkColumnCount(fields: readonly string[], columns: number): RowFault | undefined {
  if (fields.length === columns) return undefined
  const { length } = fields
  return length < columns
    ? new RowFault('missing_field', `${length} of ${columns} columns; is the line cut off?`, fields)
    : new RowFault('wrong_type', `${length} columns, but the header has ${columns}`, fields)
}

interface QuotedScan {
  readonly buffer: Buffer
  readonly at: number
  readonly lineEnd: number
  readonly isEnd: boolean
  readonly delimiter: number
  readonly decode: Decode
}

function scanQuoted(scan: QuotedScan): ScannedRow | undefined {
  const { buffer, delimiter, decode } = scan
  const fields: string[] = []
  const readable: (string | undefined)[] = []
  let fault: RowFault | undefined
  let lines = 1
  let at = scan.at
  for (;;) {
    const field = buffer[at] === QUOTE ? readQuotedField(scan, at) : readPlainField(scan, at)
    if (field === undefined) {
      if (buffer.length - scan.at <= ROW_BYTES_MAX) return undefined
      const why = 'the quotes make the row too long'
      return skipFirstLine(scan, new RowFault('too_large', why, [...readable, undefined]))
    }
    if (field instanceof RowFault) {
      const { reason, message } = field
      return skipFirstLine(scan, new RowFault(reason, message, [...readable, undefined]))
    }
    const decoded = decode(buffer.subarray(field.start, field.end))
    const isFault = decoded instanceof RowFault
    const text = !isFault && field.hasDoubled ? decoded.replaceAll('""', '"') : decoded
    if (text instanceof RowFault) fault = text
    else fields.push(text)
    readable.push(text instanceof RowFault ? undefined : text)
    lines += field.lines
    if (buffer[field.next] === delimiter) {
      at = field.next + 1
      continue
    }
    const next = Math.min(field.next + (buffer[field.next] === CR ? 2 : 1), buffer.length)
    const values = fault ? new RowFault(fault.reason, fault.message, readable) : fields
    return { next, lines, values }
  }
}

interface Field {
  readonly start: number
  readonly end: number
  /** Position of the delimiter or line end that follows, or the buffer's end. */
  readonly next: number
  readonly lines: number
  readonly hasDoubled: boolean
}

/** A field without quotes, up to the next delimiter or line end; quotes inside it are text. */
function readPlainField(
  { buffer, delimiter, isEnd }: QuotedScan,
  start: number,
): Field | undefined {
  let end = start
  while (end < buffer.length && buffer[end] !== delimiter && buffer[end] !== LF) end++
  if (end === buffer.length && !isEnd) return undefined
  const isLast = end > start && buffer[end - 1] === CR && buffer[end] !== delimiter
  const last = isLast ? end - 1 : end
  return { start, end: last, next: last, lines: 0, hasDoubled: false }
}

function readQuotedField(scan: QuotedScan, start: number): Field | RowFault | undefined {
  const { buffer, delimiter, isEnd } = scan
  const column = start - scan.at + 1
  let hasDoubled = false
  let at = start + 1
  for (;;) {
    const close = buffer.indexOf(QUOTE, at)
    const isOpen = close < 0 || (close + 1 === buffer.length && !isEnd)
    if (isOpen && !isEnd && buffer.length - start <= QUOTED_BYTES_MAX) return undefined
    if (isOpen || close - start > QUOTED_BYTES_MAX)
      return new RowFault('undecodable', `the quote at byte ${column} of the row is never closed`)
    if (buffer[close + 1] === QUOTE) {
      hasDoubled = true
      at = close + 2
      continue
    }
    const next = close + 1
    const after = buffer[next]
    if (after === CR && next + 1 === buffer.length && !isEnd) return undefined
    const isLineEnd = after === LF || (after === CR && (buffer[next + 1] ?? LF) === LF)
    if (after !== undefined && after !== delimiter && !isLineEnd)
      return new RowFault('undecodable', `text after the quote closed at byte ${next - scan.at}`)
    const lines = countLines(buffer, start + 1, close)
    return { start: start + 1, end: close, next, lines, hasDoubled }
  }
}

function skipFirstLine({ lineEnd }: QuotedScan, fault: RowFault): ScannedRow {
  return { next: lineEnd + 1, lines: 1, values: fault }
}

function countLines(buffer: Buffer, from: number, to: number): number {
  let lines = 0
  for (let at = buffer.indexOf(LF, from); at >= 0 && at < to; at = buffer.indexOf(LF, at + 1))
    lines++
  return lines
}

function trimCr(buffer: Buffer, at: number, end: number): number {
  return end > at && buffer[end - 1] === CR ? end - 1 : end
}

// The characters of windows-1252 at 0x80 to 0x9f; all others are those of latin1. Node 20's
// TextDecoder decodes windows-1252 as latin1. Undefined bytes stay control characters, as in
// browsers.
const WINDOWS_1252 = [...'€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ']

type Decode = (bytes: Buffer) => string | RowFault

function createDecoder(encoding: CsvStyle['encoding']): Decode {
  if (encoding === 'windows-1252')
    return (bytes) =>
      bytes
        .toString('latin1')
        .replace(/[\x80-\x9f]/g, (char) => WINDOWS_1252[char.charCodeAt(0) - 128] ?? char)
  return (bytes) =>
    isUtf8(bytes) ? bytes.toString('utf8') : new RowFault('undecodable', 'the row is not UTF-8')
}
