/**
 * Clicks in the columns of a retail warehouse, made of files of Bronze: one row for each event,
 * duplicates included. The day, `dt`, is in the path and not in the file.
 */
import { quoteName, quoteText } from '../../domain/kernel/sql-text.ts'
import { CLICKS_COLUMNS } from '../../domain/lake/clicks-columns.ts'
import { LazyDuck } from '../duckdb/with-duck.ts'

/** One thread, and little memory: a file of Bronze goes row group by row group. */
const MEMORY_BYTES = 64 * 1024 * 1024

/** With a DuckDB of its own, which is opened when it is first needed. */
export class ClicksWriter {
  readonly #duck: LazyDuck
  /** One file after the other: they share the memory. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(tempDirectory: string) {
    this.#duck = new LazyDuck({ threads: 1, memoryLimitBytes: MEMORY_BYTES, tempDirectory })
  }

  /** Writes `output` and returns its rows. A column that Bronze lacks is NULL. */
  write(bronze: string, output: string): Promise<number> {
    const work = this.#last.then(() => this.#write(bronze, output))
    this.#last = work.catch(() => undefined)
    return work
  }

  async #write(bronze: string, output: string): Promise<number> {
    const { duck, connection } = await this.#duck.open()
    const read = `read_parquet(${quoteText(bronze)}, hive_partitioning = false)`
    const { rows } = await connection.all(`DESCRIBE SELECT * FROM ${read}`)
    const types = new Map(rows.map((row) => [String(row.column_name), String(row.column_type)]))
    const columns = CLICKS_COLUMNS.map(([name, type]) => {
      return `${describeValue(name, type, types.get(name))} AS ${quoteName(name)}`
    })
    const select = `SELECT ${columns.join(', ')} FROM ${read}`
    const format = 'FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 24576'
    const written = await connection.run(`COPY (${select}) TO ${quoteText(output)} (${format})`)
    await duck.giveBack(connection)
    return written
  }

  close(): Promise<void> {
    return this.#duck.close()
  }
}

function describeValue(name: string, type: string, found: string | undefined): string {
  if (found === undefined) return `CAST(NULL AS ${type})`
  const value = quoteName(name)
  if (type === 'TIMESTAMP' && found.endsWith('WITH TIME ZONE')) return `timezone('UTC', ${value})`
  return `CAST(${value} AS ${type})`
}
