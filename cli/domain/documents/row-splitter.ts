/**
 * Splits a stream of bytes into rows with exact line numbers, in bounded memory. A scanner decides
 * where a row ends: CSV rows may hold line ends inside quotes, NDJSON rows may not.
 */
import { ROW_BYTES_MAX, RowFault, type RowValues, type SourceRow } from './source-row.ts'

const LF = 0x0a
const CR = 0x0d

/** The row that a scanner read. */
export interface ScannedRow {
  /** Position after the row's last line end. */
  readonly next: number
  /** How many line ends the row has, its last one included. */
  readonly lines: number
  readonly values: RowValues | RowFault
}

/**
 * Reads the row that begins at `at` and whose first line ends at `lineEnd`, the position of a line
 * end, or of the file's end when `isEnd`. undefined: the row goes on beyond the buffer.
 */
export type RowScanner = (
  buffer: Buffer,
  at: number,
  lineEnd: number,
  isEnd: boolean,
) => ScannedRow | undefined

/** Splits one stream: call `push` for each chunk in order, then `end`. */
export class RowSplitter {
  readonly #scan: RowScanner
  #rest: Buffer = Buffer.alloc(0)
  #line = 1
  /** Bytes dropped so far from a row that is too long and is being skipped. */
  #dropped = 0

  constructor(scan: RowScanner) {
    this.#scan = scan
  }

  /** Rows that end in this chunk, as views of it. Blank lines are not rows. */
  push(chunk: Buffer): SourceRow[] {
    return this.#take(this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]), false)
  }

  /** The last row of the file, if no line end follows it. */
  end(): SourceRow[] {
    return this.#take(this.#rest, true)
  }

  #take(buffer: Buffer, isEnd: boolean): SourceRow[] {
    const rows: SourceRow[] = []
    let at = 0
    while (at < buffer.length) {
      const found = buffer.indexOf(
        LF,
        this.#dropped > 0 ? Math.min(ROW_BYTES_MAX, buffer.length) : at,
      )
      if (found < 0 && !isEnd) break
      const lineEnd = found < 0 ? buffer.length : found
      if (lineEnd - at + this.#dropped > ROW_BYTES_MAX) {
        rows.push(this.#tooLong(buffer, at, lineEnd))
        at = lineEnd + 1
        continue
      }
      if (isBlank(buffer, at, lineEnd)) {
        at = lineEnd + 1
        this.#line++
        continue
      }
      const row = this.#scan(buffer, at, lineEnd, isEnd)
      if (row === undefined) break
      rows.push({ line: this.#line, raw: withoutLineEnd(buffer, at, row.next), values: row.values })
      this.#line += row.lines
      at = row.next
    }
    this.#keep(buffer.subarray(Math.min(at, buffer.length)))
    return rows
  }

  /** Keeps the unfinished row for the next chunk, at most ROW_BYTES_MAX of it. */
  #keep(rest: Buffer): void {
    if (rest.length > ROW_BYTES_MAX && rest.indexOf(LF) < 0) {
      this.#dropped += rest.length - ROW_BYTES_MAX
      this.#rest = Buffer.from(rest.subarray(0, ROW_BYTES_MAX))
      return
    }
    this.#rest = rest
  }

  #tooLong(buffer: Buffer, at: number, lineEnd: number): SourceRow {
    const bytes = lineEnd - at + this.#dropped
    this.#dropped = 0
    const line = this.#line++
    const max = ROW_BYTES_MAX
    const message = `the row has ${bytes} bytes, more than ${max}; the first ${max} are kept`
    const raw = buffer.subarray(at, at + ROW_BYTES_MAX)
    const start = this.#scan(
      Buffer.from(raw.buffer, raw.byteOffset, raw.length),
      0,
      raw.length,
      true,
    )
    const readable = start?.values instanceof RowFault ? start.values.readable : start?.values
    return { line, raw, values: new RowFault('too_large', message, readable) }
  }
}

function isBlank(buffer: Buffer, at: number, end: number): boolean {
  return end === at || (end === at + 1 && buffer[at] === CR)
}

function withoutLineEnd(buffer: Buffer, at: number, next: number): Buffer {
  let end = Math.min(next, buffer.length)
  if (end > at && buffer[end - 1] === LF) end--
  if (end > at && buffer[end - 1] === CR) end--
  return buffer.subarray(at, end)
}
