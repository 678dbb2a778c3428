/**
 * Rows that the lake does not have yet, in tables that follow one another: a checkpoint freezes those in use
 * while new rows go to the next. A table has a twin of clean rows (the deduplicating model's), made once for
 * each row, because almost everything reads those. Rows are brought into the tables only when somebody asks
 * or a checkpoint begins: many at once cost far less than few at a time. They are appended on a connection
 * of their own, so that rows can come in while statements run on the other one.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import type { Reject } from '../../../domain/gate/reject.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import { setRowRange } from '../query/catalog.ts'
import type { ArrivalTracker } from './arrival-tracker.ts'
import { openRawRowWriter, type RawRowsOptions, type RawRowWriter } from './raw-row-writer.ts'

/** The deduplicating model, over first arrivals, with the row number in its last column `seq`. */
export interface DeduplicatingModel {
  readonly name: string
  readonly sql: string
}

/** Where a checkpoint ends: the number of the row after it, and the tables of the rows before. */
export interface RowBarrier {
  readonly seq: number
  readonly tables: readonly number[]
}

export class UncommittedRows {
  readonly #connection: DuckConnection
  readonly #intake: DuckConnection
  readonly #options: RawRowsOptions
  #raw: RawRowWriter | undefined
  #clean: DeduplicatingModel | undefined
  #serial = 0
  /** Serials of the tables in use; the last takes new rows. */
  #tables: number[] = []
  /** Row number of the next row, and of the first that is not in a table yet. */
  #seq = 0
  #flushedSeq = 0

  constructor(connection: DuckConnection, intake: DuckConnection, options: RawRowsOptions) {
    this.#connection = connection
    this.#intake = intake
    this.#options = options
  }

  get nextSeq(): number {
    return this.#seq
  }

  get tables(): readonly number[] {
    return [...this.#tables]
  }

  /** The views over raw rows exist after this. */
  async open(): Promise<void> {
    const serial = this.#serial++
    this.#raw = await openRawRowWriter(this.#intake, rawTable(serial), this.#options)
    this.#tables.push(serial)
    await this.#point()
  }

  /** The view of the clean model exists after this; the views that it reads must exist before. */
  async openDeduplicated(clean: DeduplicatingModel): Promise<void> {
    this.#clean = clean
    for (const serial of this.#tables) await this.#createClean(serial)
    await this.#pointClean()
  }

  /** Judges and keeps frames, in order. Returns the rejects. */
  ingest(frames: readonly LogFrame[], judge: ArrivalTracker): readonly Reject[] {
    const raw = this.#raw as RawRowWriter // open() made one
    const rejects: Reject[] = []
    for (const frame of frames) {
      judge.beginFrame(frame)
      const accepted = raw.appendFrame(frame, judge, this.#seq, (one) => rejects.push(one))
      this.#seq += accepted
      judge.endFrame(frame, accepted)
    }
    return rejects
  }

  /** Brings the rows taken in so far into the tables; returns the number of the row after them. */
  async flush(): Promise<number> {
    const seq = this.#seq
    if (this.#flushedSeq === seq) return seq
    this.#raw?.flush()
    await this.#clear(seq, this.#tables.at(-1) ?? 0)
    return seq
  }

  /** Makes the table that `cut` goes on with; returns its serial. */
  async createNextTable(): Promise<number> {
    const raw = this.#raw as RawRowWriter // open() made one
    const serial = this.#serial++
    await raw.createTable(this.#connection, rawTable(serial))
    if (this.#clean) await this.#createClean(serial)
    return serial
  }

  /**
   * New rows go to the prepared table from now on. All at once; what `settle` has to do takes time, and
   * rows may come in meanwhile.
   */
  switchTable(next: number): RowBarrier {
    const cut = { seq: this.#seq, tables: this.tables }
    this.#raw?.moveTo(rawTable(next))
    this.#tables.push(next)
    return cut
  }

  /** Brings the rows before the cut into the tables, and the views to the tables in use. */
  async finalizeBarrier({ seq, tables }: RowBarrier): Promise<void> {
    await this.#clear(seq, tables.at(-1) ?? 0)
    await this.#point()
    if (this.#clean) await this.#pointClean()
  }

  /** Makes the clean rows before `seq` of a table that has them all. */
  async #clear(seq: number, table: number): Promise<void> {
    if (this.#flushedSeq === seq) return
    await setRowRange(this.#connection, this.#flushedSeq, seq)
    if (this.#clean)
      await this.#connection.run(`INSERT INTO ${deduplicatedTable(table)} ${this.#clean.sql}`)
    this.#flushedSeq = seq
  }

  /** These tables' rows are in the lake now. */
  async dropTables(tables: readonly number[]): Promise<void> {
    this.#tables = this.#tables.filter((one) => !tables.includes(one))
    await this.#point()
    if (this.#clean) await this.#pointClean()
    for (const serial of tables) {
      await this.#connection.run(`DROP TABLE ${rawTable(serial)}`)
      if (this.#clean) await this.#connection.run(`DROP TABLE ${deduplicatedTable(serial)}`)
    }
  }

  close(): void {
    this.#raw?.close()
  }

  async #createClean(serial: number): Promise<void> {
    const { sql } = this.#clean as DeduplicatingModel // callers checked
    await this.#connection.run(
      `CREATE TABLE ${deduplicatedTable(serial)} AS SELECT * FROM (${sql}) LIMIT 0`,
    )
  }

  /** Points the views of raw rows at the tables in use. Enumerations become plain text here. */
  async #point(): Promise<void> {
    const { columns } = this.#raw as RawRowWriter // called after one was made
    const list = columns
      .map(({ name, isEnum }) => (isEnum ? `CAST("${name}" AS VARCHAR) AS "${name}"` : `"${name}"`))
      .join(', ')
    const of = (more: string) =>
      this.#tables
        .map((serial) => `SELECT ${list} FROM ${rawTable(serial)} WHERE ${IN_SLICE}${more}`)
        .join(' UNION ALL ')
    await this.#connection.run(`CREATE OR REPLACE VIEW delta.raw.events AS ${of('')}`)
    await this.#connection.run(
      `CREATE OR REPLACE VIEW delta.raw.fresh_events AS ${of(' AND fresh')}`,
    )
  }

  async #pointClean(): Promise<void> {
    const { name } = this.#clean as DeduplicatingModel // callers checked
    const rows = this.#tables
      .map((serial) => `SELECT * EXCLUDE (seq) FROM ${deduplicatedTable(serial)} WHERE ${IN_SLICE}`)
      .join(' UNION ALL ')
    await this.#connection.run(`CREATE OR REPLACE VIEW delta.${name} AS ${rows}`)
  }
}

/** The connection's variables name the row numbers that its queries see; all of them when they are not set. */
const IN_SLICE = `seq >= coalesce(getvariable('slice_from'), 0::BIGINT)
  AND seq < coalesce(getvariable('slice_to'), 9007199254740991::BIGINT)`

function rawTable(serial: number): string {
  return `delta.raw.hot_${serial}`
}

function deduplicatedTable(serial: number): string {
  return `delta.raw.clean_${serial}`
}
