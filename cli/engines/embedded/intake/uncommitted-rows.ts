/**
 * Rows that no commit has yet, in a sequence of tables: a checkpoint freezes the tables in use
 * while new rows go to the next one. Beside each raw table is one of deduplicated rows (those of
 * the model that deduplicates), computed once per row because almost every model reads them. Rows
 * reach the tables only for a query or a checkpoint, since many at once cost far less than a few at
 * a time. A connection of its own appends them, so that rows come in while statements run on the
 * other one.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { countFailing } from '../../../domain/gate/failing-record.ts'
import type { Reject } from '../../../domain/gate/reject.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import { setRowRange } from '../query/catalog.ts'
import type { ArrivalTracker } from './arrival-tracker.ts'
import type { DeduplicatingModel } from './deduplicating-model.ts'
import { deleteDuplicatesSql, listLookupPartitions } from './late-duplicates.ts'
import { type IntakeOptions, openRawRowWriter, type RawRowWriter } from './raw-row-writer.ts'

/** Where a snapshot ends: the number of the next row, and the serials of the tables before it. */
export interface RowBarrier {
  readonly seq: number
  readonly tables: readonly number[]
}

/** The tables of uncommitted rows, the last one in each list takes new rows. */
export interface SearchedTables {
  readonly raw: readonly string[]
  readonly deduplicated: readonly string[]
  /** Of the raw tables. */
  readonly columns: readonly string[]
  /** Rows before this number are deduplicated. */
  readonly deduplicatedSeq: number
  /** Number after the last row. */
  readonly endSeq: number
}

/** All uncommitted rows of the engine, numbered without gaps. */
export class UncommittedRows {
  readonly #connection: DuckConnection
  readonly #intake: DuckConnection
  readonly #options: IntakeOptions
  readonly #onLateDuplicates: (count: number) => void
  #writer: RawRowWriter | undefined
  #model: DeduplicatingModel | undefined
  #serial = 0
  /** Serials of the tables in use; the last takes new rows. */
  #tables: number[] = []
  #nextSeq = 0
  /** Number of the first row that is not deduplicated yet. */
  #flushedSeq = 0
  /** Days of which Bronze must be looked up, and the number after their last row. */
  readonly #uncoveredDays = new Map<number, number>()

  /** `onLateDuplicates` gets the number of duplicates found among the rows of Bronze. */
  constructor(
    connection: DuckConnection,
    intake: DuckConnection,
    options: IntakeOptions,
    onLateDuplicates: (count: number) => void,
  ) {
    this.#connection = connection
    this.#intake = intake
    this.#options = options
    this.#onLateDuplicates = onLateDuplicates
  }

  /** Number of the next row. */
  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Number of the row after those that `flush` has put into the tables. */
  get flushedSeq(): number {
    return this.#flushedSeq
  }

  get tables(): readonly number[] {
    return [...this.#tables]
  }

  /** Creates the first table and the views of raw rows. */
  async open(): Promise<void> {
    const serial = this.#serial++
    this.#writer = await openRawRowWriter(this.#intake, rawTable(serial), this.#options)
    this.#tables.push(serial)
    await this.#createRawViews()
  }

  /** Creates the model's view; the views that it reads must exist. */
  async openDeduplicated(model: DeduplicatingModel): Promise<void> {
    this.#model = model
    for (const serial of this.#tables) await this.#createDeduplicatedTable(serial)
    await this.#createDeduplicatedView()
  }

  /** Validates and keeps frames, in order; returns the rejects. */
  ingest(frames: readonly LogFrame[], tracker: ArrivalTracker): readonly Reject[] {
    const writer = this.#writer as RawRowWriter // open() created it
    const rejects: Reject[] = []
    for (const frame of frames) {
      const before = rejects.length
      tracker.beginFrame(frame)
      const accepted = writer.appendFrame(frame, tracker, this.#nextSeq, (one) => rejects.push(one))
      this.#nextSeq += accepted
      const fresh = rejects.length === before ? [] : rejects.slice(before)
      tracker.endFrame(frame, accepted, countFailing(fresh))
      for (const day of tracker.uncoveredDays) this.#uncoveredDays.set(day, this.#nextSeq)
    }
    return rejects
  }

  /** Puts the rows ingested so far into the tables; returns the number of the row after them. */
  async flush(): Promise<number> {
    const seq = this.#nextSeq
    if (this.#flushedSeq === seq) return seq
    this.#writer?.flush()
    await this.#deduplicate(seq, this.#tables.at(-1) ?? 0)
    return seq
  }

  /** Creates the table that `switchTable` continues with; returns its serial. */
  async createNextTable(): Promise<number> {
    const writer = this.#writer as RawRowWriter // open() created it
    const serial = this.#serial++
    await writer.createTable(this.#connection, rawTable(serial))
    if (this.#model) await this.#createDeduplicatedTable(serial)
    return serial
  }

  /** New rows go to that table from now on. Immediate; `finalizeBarrier` does the slow part. */
  switchTable(next: number): RowBarrier {
    const barrier = { seq: this.#nextSeq, tables: this.tables }
    this.#writer?.moveTo(rawTable(next))
    this.#tables.push(next)
    return barrier
  }

  /** Deduplicates the rows before the barrier, and recreates the views over the tables in use. */
  async finalizeBarrier({ seq, tables }: RowBarrier): Promise<void> {
    await this.#deduplicate(seq, tables.at(-1) ?? 0)
    await this.#createViews()
  }

  /** Computes the deduplicated rows before `seq`, all of which are in the raw table `serial`. */
  async #deduplicate(seq: number, serial: number): Promise<void> {
    if (this.#flushedSeq === seq) return
    await setRowRange(this.#connection, this.#flushedSeq, seq)
    if (this.#model) await this.#insertDeduplicated(this.#model, seq, deduplicatedTable(serial))
    this.#flushedSeq = seq
  }

  async #insertDeduplicated(
    { key, sql, lookup }: DeduplicatingModel,
    seq: number,
    table: string,
  ): Promise<void> {
    const days = [...this.#uncoveredDays.keys()]
    const insert = `INSERT INTO ${table} ${sql}`
    if (days.length === 0 || !lookup) {
      await this.#connection.run(insert)
      return
    }
    const remove = deleteDuplicatesSql(
      key,
      { table, from: this.#flushedSeq, to: seq, days },
      {
        tables: this.#tables.map(rawTable),
        column: lookup.column,
        files: await lookup.find(listLookupPartitions(days)),
      },
    )
    // No query may see a row that is about to go.
    await this.#connection.run('BEGIN')
    try {
      await this.#connection.run(insert)
      const removed = await this.#connection.run(remove)
      await this.#connection.run('COMMIT')
      this.#onLateDuplicates(removed)
    } catch (error) {
      await this.#connection.run('ROLLBACK')
      throw error
    }
    for (const [day, end] of this.#uncoveredDays) if (end <= seq) this.#uncoveredDays.delete(day)
  }

  /** Drops tables whose rows a commit has. */
  async dropTables(tables: readonly number[]): Promise<void> {
    this.#tables = this.#tables.filter((one) => !tables.includes(one))
    await this.#createViews()
    for (const serial of tables) {
      await this.#connection.run(`DROP TABLE ${rawTable(serial)}`)
      if (this.#model) await this.#connection.run(`DROP TABLE ${deduplicatedTable(serial)}`)
    }
  }

  close(): void {
    this.#writer?.close()
  }

  /**
   * Puts the rows ingested so far into the raw tables, deduplicated or not, and says where rows are
   * for a search that may change them; the engine is restarted afterwards.
   */
  openSearch(): SearchedTables {
    this.#writer?.flush()
    const { columns } = this.#writer as RawRowWriter // open() created it
    return {
      raw: this.#tables.map(rawTable),
      deduplicated: this.#model ? this.#tables.map(deduplicatedTable) : [],
      columns: columns.map(({ name }) => name),
      deduplicatedSeq: this.#flushedSeq,
      endSeq: this.#nextSeq,
    }
  }

  async #createDeduplicatedTable(serial: number): Promise<void> {
    const { sql } = this.#model as DeduplicatingModel // callers checked
    await this.#connection.run(
      `CREATE TABLE ${deduplicatedTable(serial)} AS SELECT * FROM (${sql}) LIMIT 0`,
    )
  }

  async #createViews(): Promise<void> {
    await this.#createRawViews()
    if (this.#model) await this.#createDeduplicatedView()
  }

  /** Views of raw rows over the tables in use. Enumerations become plain text here. */
  async #createRawViews(): Promise<void> {
    const { columns } = this.#writer as RawRowWriter // open() created it
    const list = columns
      .map(({ name, isEnum }) => (isEnum ? `CAST("${name}" AS VARCHAR) AS "${name}"` : `"${name}"`))
      .join(', ')
    const select = (condition: string) =>
      this.#tables
        .map((serial) => `SELECT ${list} FROM ${rawTable(serial)} WHERE ${condition}`)
        .join(' UNION ALL ')
    await this.#connection.run(`CREATE OR REPLACE VIEW delta.raw.events AS ${select(IN_RANGE)}`)
    await this.#connection.run(
      `CREATE OR REPLACE VIEW delta.raw.fresh_events AS ${select(`${IN_RANGE} AND fresh`)}`,
    )
  }

  async #createDeduplicatedView(): Promise<void> {
    const { name } = this.#model as DeduplicatingModel // callers checked
    const rows = this.#tables
      .map((serial) => `SELECT * EXCLUDE (seq) FROM ${deduplicatedTable(serial)} WHERE ${IN_RANGE}`)
      .join(' UNION ALL ')
    await this.#connection.run(`CREATE OR REPLACE VIEW delta.${name} AS ${rows}`)
  }
}

/** A connection's variables limit the row numbers that its queries see; unset, they see all. */
const IN_RANGE = `seq >= coalesce(getvariable('slice_from'), 0::BIGINT)
  AND seq < coalesce(getvariable('slice_to'), 9007199254740991::BIGINT)`

function rawTable(serial: number): string {
  return `delta.raw.rows_${serial}`
}

function deduplicatedTable(serial: number): string {
  return `delta.raw.deduplicated_${serial}`
}
