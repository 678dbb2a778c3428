/**
 * Answers queries in a process of its own: a DuckDB over files, with no way to the engine but the
 * messages. It ends itself when it takes more memory than it may, so that DuckDB's own limit, which
 * does not count every value, need not be trusted.
 */

import { type Duck, type DuckConnection, openDuck } from '../../../adapters/duckdb/duckdb.ts'
import { ModelFinder } from '../../../adapters/duckdb/find-models.ts'
import { STREAMING_SETTING } from '../../../adapters/duckdb/limited-query.ts'
import { createCatalog, restrictFiles, setNow } from '../../../adapters/duckdb/model-catalog.ts'
import { toQueryError } from '../../../adapters/duckdb/query-error.ts'
import { toErrorDocument } from '../../../domain/console/text.ts'
import { AnswerSize, memoryLimitError } from '../../../domain/sql/answer-size.ts'
import { isMemoryShort } from '../../../domain/sql/memory-error.ts'
import type { AskMessage, FromProcess, OpenMessage } from './query-messages.ts'
import { ReaderViews, type VisibleModel } from './reader-views.ts'

/** Of the memory of a process: Node, DuckDB's code, and values that DuckDB does not count. */
const UNCOUNTED_BYTES = 112 * 1024 * 1024
/** The least with which DuckDB sorts and groups, by spilling. */
const DUCKDB_BYTES_MIN = 40 * 1024 * 1024
/** What the query of a process may spill: the disk is that of the log. */
const SPILL_MAX = '1GiB'
/** The answer is sent in parts of about so many characters. */
const PART_CHARS = 256 * 1024
/** How often memory and CPU time are looked at while a query runs. */
const WATCH_EVERY_MS = 20
/** From so much CPU time on a query is long: on a busy machine the clock would say it of any. */
const LONG_CPU_MS = 400

/** The process, as far as the reader needs it. */
export interface ReaderProcess {
  /** Resolves when the message is on its way. */
  send(message: FromProcess): Promise<void>
  residentBytes(): number
  /** CPU time so far. */
  cpuMs(): number
  /** Ends at once, whatever runs. */
  kill(): void
}

/** One process's DuckDB; one query at a time. */
export class QueryReader {
  readonly #connection: DuckConnection
  readonly #process: ReaderProcess
  readonly #views: ReaderViews
  readonly #models: ModelFinder
  readonly #memoryMaxBytes: number

  private constructor(connection: DuckConnection, options: OpenMessage, process: ReaderProcess) {
    this.#connection = connection
    this.#process = process
    this.#views = new ReaderViews(connection, options.models)
    this.#models = new ModelFinder(options)
    this.#memoryMaxBytes = options.memoryMaxBytes
  }

  static async open(options: OpenMessage, process: ReaderProcess): Promise<QueryReader> {
    const duck: Duck = await openDuck({
      threads: 1,
      memoryLimitBytes: Math.max(DUCKDB_BYTES_MIN, options.memoryMaxBytes - UNCOUNTED_BYTES),
      tempDirectory: options.spillDirectory,
      config: { preserve_insertion_order: 'false', max_temp_directory_size: SPILL_MAX },
    })
    const connection = await duck.connect()
    await createCatalog(connection, 'memory', options.catalog)
    const reader = new QueryReader(connection, options, process)
    await reader.#views.open()
    await restrictFiles(connection, options.directory)
    await connection.run(STREAMING_SETTING)
    await connection.run('SET lock_configuration = true')
    return reader
  }

  /** Sends the answer, or why there is none; `findRows` waits for the rows that the engine has. */
  async answer(
    { sql, nowMs, rowsMax }: AskMessage,
    findRows: () => Promise<readonly VisibleModel[] | undefined>,
  ): Promise<void> {
    const startMs = this.#process.cpuMs()
    let isLong = false
    const watch = setInterval(() => {
      this.#endIfTooLarge()
      if (isLong || this.#process.cpuMs() - startMs < LONG_CPU_MS) return
      isLong = true
      void this.#process.send({ what: 'long' })
    }, WATCH_EVERY_MS)
    try {
      const models = await this.#models.find(this.#connection, sql)
      await this.#process.send({ what: 'reads', models })
      const rows = await findRows()
      if (rows === undefined) return
      await this.#views.show(rows)
      await setNow(this.#connection, nowMs)
      const count = await this.#sendRows(sql, rowsMax)
      const residentBytes = this.#process.residentBytes()
      await this.#process.send({ what: 'done', rows: count, residentBytes })
    } catch (error) {
      // Ends the statement, of which rows are left, and the transaction that it holds open.
      await setNow(this.#connection, nowMs).catch(() => undefined)
      await this.#process.send({ what: 'failed', error: toErrorDocument(this.#translate(error)) })
    } finally {
      clearInterval(watch)
    }
  }

  #translate(error: unknown) {
    if (isMemoryShort(error)) return memoryLimitError(this.#memoryMaxBytes, error)
    return toQueryError(error)
  }

  /** As one JSON document in parts; returns the number of rows. */
  async #sendRows(sql: string, rowsMax: number): Promise<number> {
    const size = new AnswerSize(rowsMax)
    const { columns, chunks } = await this.#connection.stream(sql, (value) => size.addValue(value))
    let text = `{"columns":${JSON.stringify(columns)},"rows":[`
    let count = 0
    for await (const chunk of chunks) {
      size.addRows(chunk.length)
      for (const row of chunk) {
        text += count++ === 0 ? JSON.stringify(row) : `,${JSON.stringify(row)}`
        if (text.length < PART_CHARS) continue
        await this.#process.send({ what: 'part', json: Buffer.from(text) })
        text = ''
      }
    }
    await this.#process.send({ what: 'part', json: Buffer.from(`${text}]}`) })
    return count
  }

  #endIfTooLarge(): void {
    if (this.#process.residentBytes() <= this.#memoryMaxBytes) return
    void this.#process.send({ what: 'too much memory' }).finally(() => this.#process.kill())
  }
}
