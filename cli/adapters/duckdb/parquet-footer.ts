/**
 * What the footer of a Parquet file says, by the end of the file alone. DuckDB reads it from a file
 * of the same length that has nothing but that end: its other bytes are a hole, which no disk
 * space is used for.
 */
import { open, rm } from 'node:fs/promises'
import path from 'node:path'
import { quoteText } from '../../domain/kernel/sql-text.ts'
import type { FileFooter } from '../../domain/warehouse/check-files.ts'
import { LazyDuck } from './with-duck.ts'

/** Bytes after the footer: its length in four bytes, and a word. */
const TRAILER = 8

/** How many bytes of the end have the whole footer; a text: what is wrong with the file. */
export function measureFooter(end: Uint8Array): number | string {
  const word = Buffer.from(end.subarray(-4)).toString('latin1')
  if (word === 'PARE') return 'is encrypted'
  if (word !== 'PAR1' || end.length < TRAILER + 4) return 'is not a Parquet file'
  return Buffer.from(end.subarray(-TRAILER)).readUInt32LE(0) + TRAILER
}

/** With a DuckDB of its own, and files in `directory`, which must exist. */
export class ParquetFooters {
  readonly #duck: LazyDuck
  readonly #directory: string
  #count = 0
  /** One after the other: they share a connection. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(directory: string) {
    this.#directory = directory
    this.#duck = new LazyDuck({ threads: 1, tempDirectory: directory })
  }

  /** `end` has the whole footer. A text: what is wrong with the file. */
  read(end: Uint8Array, bytes: number): Promise<FileFooter | string> {
    const work = this.#last.then(() => this.#read(end, bytes))
    this.#last = work.catch(() => undefined)
    return work
  }

  async #read(end: Uint8Array, bytes: number): Promise<FileFooter | string> {
    const file = path.join(this.#directory, `footer-${++this.#count}.parquet`)
    const handle = await open(file, 'wx')
    try {
      await handle.write(Buffer.from('PAR1'), 0, 4, 0)
      await handle.write(end, 0, end.length, bytes - end.length)
      await handle.close()
      return await this.#describe(file)
    } finally {
      await handle.close().catch(() => undefined)
      await rm(file, { force: true })
    }
  }

  async #describe(file: string): Promise<FileFooter | string> {
    const { connection } = await this.#duck.open()
    const name = quoteText(file)
    const ask = async (sql: string) => (await connection.all(sql)).rows
    try {
      const types = await ask(
        `DESCRIBE SELECT * FROM read_parquet(${name}, hive_partitioning = false)`,
      )
      const schema = await ask(
        `SELECT name, type, type_length, num_children FROM parquet_schema(${name})`,
      )
      const codecs = await ask(`SELECT DISTINCT compression FROM parquet_metadata(${name})`)
      const [meta] = await ask(`SELECT num_rows FROM parquet_file_metadata(${name})`)
      const stored = listTopLevel(schema)
      return {
        columns: types.map(({ column_type }, at) => {
          const found = stored[at]
          const isFixed = found?.type === 'FIXED_LEN_BYTE_ARRAY'
          return {
            // DuckDB's own names differ where two are equal but for upper and lower case.
            name: String(found?.name),
            type: String(column_type),
            physical: String(found?.type ?? ''),
            typeBytes: isFixed ? Number(found.type_length) : null,
          }
        }),
        codecs: codecs.map((row) => String(row.compression)),
        rows: Number(meta?.num_rows),
      }
    } catch {
      return 'has a damaged footer'
    }
  }

  close(): Promise<void> {
    return this.#duck.close()
  }
}

type SchemaRow = Readonly<Record<string, unknown>>

/** The columns of a schema, which lists each with all that is inside of it, after the root. */
function listTopLevel(schema: readonly SchemaRow[]): readonly SchemaRow[] {
  const found: SchemaRow[] = []
  let inside = 0
  for (const row of schema.slice(1)) {
    if (inside === 0) found.push(row)
    else inside--
    inside += Number(row.num_children ?? 0)
  }
  return found
}
