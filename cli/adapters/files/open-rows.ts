/**
 * Opens a file of rows to import: CSV and NDJSON, gzipped or not, and Parquet. Streams in bounded
 * memory and knows the place of each row.
 */
import { createHash } from 'node:crypto'
import { createReadStream, type ReadStream } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { checkColumnCount, createCsvScanner } from '../../domain/documents/csv.ts'
import { scanJsonLine } from '../../domain/documents/json-lines.ts'
import { type RowScanner, RowSplitter } from '../../domain/documents/row-splitter.ts'
import {
  type CsvStyle,
  RowFault,
  type RowReader,
  type SourceFormat,
  type SourceRow,
} from '../../domain/documents/source-row.ts'
import { readErrno } from '../../domain/kernel/errno.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { EmptyRows } from './empty-rows.ts'
import { invalidError, NOTHING_IMPORTED, unreadableError } from './source-fault.ts'

const CHUNK_BYTES = 256 * 1024

/** How to read a file of rows. */
export interface OpenRowsOptions {
  /** undefined: guessed from the file's name. */
  readonly format?: SourceFormat | undefined
  readonly csv: CsvStyle
}

/** Throws CCS_IMPORT_INVALID for a missing file, or one whose content doesn't match its format. */
export async function openRows(file: string, options: OpenRowsOptions): Promise<RowReader> {
  const format = options.format ?? guessFormat(file)
  const { bytesTotal, head } = await readHead(file)
  if (bytesTotal === 0) return new EmptyRows(format)
  if (format === 'parquet') {
    const { openParquet } = await import('../duckdb/parquet-rows.ts')
    return openParquet(file, bytesTotal)
  }
  const isGzip = head[0] === 0x1f && head[1] === 0x8b
  const bytes = new ByteStream(file, isGzip)
  if (format === 'ndjson') return new TextRows({ bytes, bytesTotal, format, scan: scanJsonLine })
  const scan = createCsvScanner(options.csv)
  const reader = new TextRows({ bytes, bytesTotal, format, scan })
  try {
    if (options.csv.header === undefined) await reader.takeHeader(file)
    else reader.columns = options.csv.header
  } catch (error) {
    await reader.close()
    throw error
  }
  return reader
}

const ENDINGS: readonly (readonly [ending: RegExp, format: SourceFormat])[] = [
  [/\.(csv|tsv|txt)(\.gz)?$/i, 'csv'],
  [/\.(ndjson|jsonl|json)(\.gz)?$/i, 'ndjson'],
  [/\.(parquet|pq)$/i, 'parquet'],
]

function guessFormat(file: string): SourceFormat {
  const found = ENDINGS.find(([ending]) => ending.test(file))
  if (found !== undefined) return found[1]
  throw invalidError(file, `The format of ${file} can't be guessed from its name.`, {
    hint: 'Name it in the mapping: format: csv, ndjson or parquet.',
  })
}

async function readHead(file: string): Promise<{ bytesTotal: number; head: Buffer }> {
  try {
    // Before it is opened: that would wait for whoever writes into a pipe.
    const kind = await stat(file)
    if (kind.isDirectory())
      throw invalidError(file, `${file} is a directory.`, { hint: 'Name the files in it.' })
    if (!kind.isFile())
      throw invalidError(file, `${file} is a pipe or a device, which has no end to wait for.`, {
        hint: 'An import reads a file more than once: write it to a file first.',
      })
    const handle = await open(file, 'r')
    try {
      const { size: bytesTotal } = await handle.stat()
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
      return { bytesTotal, head: buffer.subarray(0, bytesRead) }
    } finally {
      await handle.close()
    }
  } catch (cause) {
    if (cause instanceof CcsError) throw cause
    const code = readErrno(cause)
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw invalidError(file, `There is no file ${file}.`, { cause, hint: 'Check the path.' })
    throw unreadableError(file, cause)
  }
}

/** The bytes of a file, decompressed, without a byte order mark. */
class ByteStream {
  readonly #file: string
  readonly #isGzip: boolean
  #source: ReadStream | undefined

  constructor(file: string, isGzip: boolean) {
    this.#file = file
    this.#isGzip = isGzip
  }

  get bytesRead(): number {
    return this.#source?.bytesRead ?? 0
  }

  async *chunks(format: SourceFormat): AsyncGenerator<Buffer> {
    const source = createReadStream(this.#file, { highWaterMark: CHUNK_BYTES })
    this.#source = source
    const stream: AsyncIterable<Buffer> = this.#isGzip
      ? pipeline(source, createGunzip({ chunkSize: CHUNK_BYTES }), () => {})
      : source
    let start: Buffer | undefined = Buffer.alloc(0)
    try {
      for await (const chunk of stream) {
        if (start === undefined) yield chunk
        else {
          start = Buffer.concat([start, chunk])
          if (start.length < 4) continue
          yield this.#withoutMark(start, format)
          start = undefined
        }
      }
      if (start !== undefined) yield this.#withoutMark(start, format)
    } catch (cause) {
      throw this.#translate(cause)
    }
  }

  close(): void {
    this.#source?.destroy()
  }

  #withoutMark(start: Buffer, format: SourceFormat): Buffer {
    const file = this.#file
    const mark = start.toString('hex', 0, 3)
    if (mark.startsWith('fffe') || mark.startsWith('feff'))
      throw invalidError(file, `${file} is UTF-16.`, {
        hint: `Convert it: iconv -f UTF-16 -t UTF-8`,
      })
    const bytes = mark === 'efbbbf' ? start.subarray(3) : start
    if (hasOldLineEnds(bytes))
      throw invalidError(file, `${file} has the line ends of old Macs (CR without LF).`, {
        line: 1,
        hint: "Convert it: tr '\\r' '\\n'",
      })
    if (format === 'ndjson' && /^\s*\[/.test(bytes.toString('latin1', 0, 100)))
      throw invalidError(file, `${file} is one JSON array, not one JSON object per line.`, {
        line: 1,
        hint: `Convert it: jq -c '.[]' ${file}`,
      })
    return bytes
  }

  #translate(cause: unknown): unknown {
    const code = readErrno(cause)
    if (!code?.startsWith('Z_')) return unreadableError(this.#file, cause)
    const what = code === 'Z_BUF_ERROR' ? 'ends in the middle of its gzip data' : 'is damaged gzip'
    return invalidError(this.#file, `${this.#file} ${what}.`, { cause, hint: NOTHING_IMPORTED })
  }
}

/** Whether lines end in CR alone. The last byte doesn't count: an LF may follow it. */
function hasOldLineEnds(start: Buffer): boolean {
  const first = start.indexOf('\r')
  return first >= 0 && first < start.length - 1 && !start.includes('\n')
}

interface TextRowsOptions {
  readonly bytes: ByteStream
  readonly bytesTotal: number
  readonly format: SourceFormat
  readonly scan: RowScanner
}

class TextRows implements RowReader {
  readonly format: SourceFormat
  readonly bytesTotal: number
  columns: readonly string[] | undefined
  readonly #bytes: ByteStream
  readonly #rows: AsyncGenerator<readonly SourceRow[]>
  #header: SourceRow | undefined
  #first: readonly SourceRow[] = []
  #repeated = 0

  constructor({ bytes, bytesTotal, format, scan }: TextRowsOptions) {
    this.format = format
    this.bytesTotal = bytesTotal
    this.#bytes = bytes
    this.#rows = readRows(bytes.chunks(format), scan)
  }

  get isEmpty(): boolean {
    return this.format === 'csv' && this.columns === undefined
  }

  bytesRead(): number {
    return this.#bytes.bytesRead
  }

  repeatedHeaders(): number {
    return this.#repeated
  }

  /** Reads the first row as the column names; a file without a row has none. */
  async takeHeader(file: string): Promise<void> {
    let rows: readonly SourceRow[] = []
    while (rows.length === 0) {
      const next = await this.#rows.next()
      if (next.done) return
      rows = next.value
    }
    const [header, ...rest] = rows
    if (header === undefined || header.values instanceof RowFault || !isFields(header.values))
      throw invalidError(file, `The header of ${file} can't be read: ${describeFault(header)}.`, {
        line: header?.line ?? 1,
        hint: 'Check its delimiter, quotes and encoding.',
      })
    this.#header = { ...header, raw: Buffer.from(header.raw) }
    this.columns = header.values.map((name) => name.trim())
    this.#first = rest
  }

  async *batches(): AsyncGenerator<readonly SourceRow[]> {
    if (this.#first.length > 0) yield this.#checked(this.#first)
    this.#first = []
    for await (const rows of this.#rows) if (rows.length > 0) yield this.#checked(rows)
  }

  async close(): Promise<void> {
    this.#bytes.close()
    await this.#rows.return(undefined)
  }

  /** Reports CSV rows whose number of fields differs from the header's. */
  #checked(rows: readonly SourceRow[]): readonly SourceRow[] {
    const columns = this.columns
    if (columns === undefined) return rows
    const checked: SourceRow[] = []
    for (const row of rows) {
      if (this.#header !== undefined && Buffer.compare(row.raw, this.#header.raw) === 0) {
        this.#repeated++
        continue
      }
      const fault = isFields(row.values) ? checkColumnCount(row.values, columns.length) : undefined
      checked.push(fault === undefined ? row : { ...row, values: fault })
    }
    return checked
  }
}

async function* readRows(
  chunks: AsyncIterable<Buffer>,
  scan: RowScanner,
): AsyncGenerator<readonly SourceRow[]> {
  const rows = new RowSplitter(scan)
  for await (const chunk of chunks) yield rows.push(chunk)
  yield rows.end()
}

function isFields(values: SourceRow['values']): values is readonly string[] {
  return Array.isArray(values)
}

function describeFault(row: SourceRow | undefined): string {
  return row?.values instanceof RowFault ? row.values.message : 'it is not a row'
}

/** SHA-256 of a file's bytes, as hex; undefined: the signal came before its end. */
export async function hashFile(file: string, signal: AbortSignal): Promise<string | undefined> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) {
    if (signal.aborted) return undefined
    hash.update(chunk)
  }
  return hash.digest('hex')
}

/** The text of a mapping file; throws CCS_IMPORT_INVALID if there is none. */
export async function readMapping(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if (['ENOENT', 'EISDIR'].includes(readErrno(cause) ?? ''))
      throw invalidError(file, `There is no mapping file ${file}.`, {
        cause,
        hint: 'Start with one of examples/import/; docs/import.md explains it.',
      })
    throw cause
  }
}
