/**
 * Cuts a stream of bytes into rows with exact line numbers, in bounded memory. What a row is, a scanner
 * says: CSV rows may hold line ends in quotes, NDJSON rows may not.
 */
import { ROW_BYTES_MAX, RowFault, type RowValues, type SourceRow } from './source-row.ts'

const LF = 0x0a
const CR = 0x0d

export interface ScannedRow {
  /** Position after the row's last line end. */
  readonly next: number
  /** How many line ends the row holds, its last included. */
  readonly lines: number
  readonly values: RowValues | RowFault
}

/**
 * Reads the row that begins at `at`; its first line ends before the line end at `lineEnd` (or at the end
 * of the file, when `isEnd`). undefined: the row goes on beyond the buffer.
 */
export type RowScanner = (
  buffer: Buffer,
  at: number,
  lineEnd: number,
  isEnd: boolean,
) => ScannedRow | undefined

export class RowSplitter {
  readonly #scan: RowScanner
  #rest: Buffer = Buffer.alloc(0)
  #line = 1
  /** Bytes dropped from the too long row that is being passed over. */
  #dropped = 0

  constructor(scan: RowScanner) {
    this.#scan = scan
  }

  /** Rows that end in this chunk. They point into it: use them before it is reused. Blank lines are none. */
  push(chunk: Buffer): SourceRow[] {
    return this.#take(this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]), false)
  }

  /** The row that the file ends in, if it has no line end. */
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

  /** Keeps the unfinished row, but no more of it than a row may have. */
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
    const message = `the row has ${bytes} bytes, more than ${ROW_BYTES_MAX}; the first ${ROW_BYTES_MAX} are kept`
    const raw = buffer.subarray(at, at + ROW_BYTES_MAX)
    return { line, raw, values: new RowFault('too_large', message) }
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
