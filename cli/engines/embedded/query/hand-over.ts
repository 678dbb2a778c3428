/**
 * Hands the rows of models over to queries in other processes: the paths of their files in the
 * lake, and files of the rows that are not in the lake yet, which are written here. All of them are
 * of one moment: a transaction of DuckDB begins in it, and the files are written from that.
 *
 * Rows of a stream model are only ever added, so what was written stays and only newer rows are
 * written, in ever larger files as they become many: a query costs what is new. The rows of a Gold
 * model change, so they are written again, but only if they did change.
 */

import { toDiskError } from '../../../adapters/duckdb/disk-error.ts'
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import type { QueriedModels } from '../../../adapters/duckdb/find-models.ts'
import { toQueryError } from '../../../adapters/duckdb/query-error.ts'
import type { Files } from '../../../adapters/files/files.ts'
import { appendAll } from '../../../domain/kernel/lists.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { setRowRange } from './catalog.ts'
import { storableRowsSql, type TypedColumn, type VisibleModel } from './reader-views.ts'

/** The rows of one model at one moment. */
export interface ModelMoment {
  readonly name: string
  readonly lakeFiles: readonly string[]
  /** SELECT of the rows that are not in the lake. */
  readonly openSql: string
  /** Of Gold: equal as long as the rows are; undefined: rows are only added, by row number. */
  readonly revision?: number
}

/** What there is at one moment. */
export interface Moment {
  /** Row numbers of what the lake has not: from `fromSeq` up to, not including, `toSeq`. */
  readonly fromSeq: number
  readonly toSeq: number
  /** Serial of the commit whose files the lake's are. */
  readonly serial: number
  readonly models: readonly ModelMoment[]
}

/** What the hand-over needs of its engine. */
export interface HandOverSource {
  /** A connection that sees uncommitted rows; it is closed with the hand-over. */
  connect(): Promise<DuckConnection>
  /**
   * Brings the models up to date, then runs `begin`, and says what there is then: nothing changes
   * meanwhile.
   */
  hold(models: QueriedModels, begin: () => Promise<void>): Promise<Moment>
}

/** Rows of one moment; their files stay until `release`. */
export interface HandedRows {
  readonly serial: number
  readonly models: readonly VisibleModel[]
  release(): void
}

/** A file of rows, while it is in use or up to date. */
interface RowFile {
  readonly path: string
  /** Queries that read it. */
  readers: number
  isOld: boolean
}

/** Rows `from` up to, not including, `to`. */
interface RangeFile extends RowFile, LeveledRange {
  readonly to: number
}

/** A range of a level was made of many of the one below. */
interface LeveledRange {
  readonly from: number
  readonly level: number
}

interface GoldFile extends RowFile {
  readonly revision: number
}

/** So many files of a level become one of the next. */
const FAN_IN = 8
/** Row numbers of the largest file of level 0. */
const SMALL_RANGE = 512

/**
 * Quick to write, as most of these files are read once. A row group stays in memory until it is
 * written, so it is small.
 */
const PARQUET =
  'FORMAT parquet, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1, ' +
  'WRITE_BLOOM_FILTER false, ROW_GROUP_SIZE 12288'

/** One at a time; it writes below a directory of its own. */
export class HandOver {
  readonly #source: HandOverSource
  readonly #files: Files
  readonly #directory: string
  readonly #columns: ReadonlyMap<string, readonly TypedColumn[]>
  readonly #ranges = new Map<string, readonly RangeFile[]>()
  readonly #gold = new Map<string, GoldFile>()
  #connection: DuckConnection | undefined
  #serial = 0
  #queue: Promise<unknown> = Promise.resolve()

  /** `columns`: of each model that is stored. The directory must exist. */
  constructor(
    source: HandOverSource,
    columns: ReadonlyMap<string, readonly TypedColumn[]>,
    place: { readonly files: Files; readonly directory: string },
  ) {
    this.#source = source
    this.#columns = columns
    this.#files = place.files
    this.#directory = place.directory
  }

  /** The rows of these models now. Throws CCS_DISK_FULL if they can't be written. */
  write(models: QueriedModels): Promise<HandedRows> {
    const written = this.#queue.then(() => this.#write(models))
    this.#queue = written.catch(() => undefined)
    return written
  }

  /** Call when nothing is read any more. */
  async close(): Promise<void> {
    await this.#queue
    this.#connection?.close()
  }

  async #write(queried: QueriedModels): Promise<HandedRows> {
    this.#connection ??= await this.#source.connect()
    const connection = this.#connection
    let isBegun = false
    const used: RowFile[] = []
    try {
      const moment = await this.#source.hold(queried, async () => {
        await connection.run('BEGIN')
        isBegun = true
        // Only a statement that reads a catalog fixes what the transaction sees of it.
        await connection.run('SELECT 1 FROM delta.raw.events LIMIT 0')
      })
      const models: VisibleModel[] = []
      for (const model of moment.models) {
        const files = await this.#writeModel(connection, model, moment)
        for (const file of files) file.readers++
        appendAll(used, files)
        const { name, lakeFiles } = model
        models.push({ name, lakeFiles, openFiles: files.map(({ path }) => path) })
      }
      return { serial: moment.serial, models, release: () => this.#release(used) }
    } catch (error) {
      this.#release(used)
      throw toQueryError(toDiskError(error, this.#directory))
    } finally {
      if (isBegun) await connection.run('ROLLBACK').catch(() => undefined)
    }
  }

  /** The files of the rows of a model that are not in the lake. */
  #writeModel(
    connection: DuckConnection,
    model: ModelMoment,
    { fromSeq, toSeq }: Moment,
  ): Promise<readonly RowFile[]> {
    if (model.revision === undefined) return this.#writeRange(connection, model, fromSeq, toSeq)
    return this.#writeGold(connection, model, model.revision)
  }

  async #writeGold(
    connection: DuckConnection,
    { name, openSql }: ModelMoment,
    revision: number,
  ): Promise<readonly RowFile[]> {
    const old = this.#gold.get(name)
    if (old?.revision === revision) return [old]
    const file = { ...(await this.#copy(connection, name, openSql)), revision }
    this.#gold.set(name, file)
    if (old) this.#retire([old])
    return [file]
  }

  async #writeRange(
    connection: DuckConnection,
    { name, openSql }: ModelMoment,
    fromSeq: number,
    toSeq: number,
  ): Promise<readonly RowFile[]> {
    const before = this.#ranges.get(name) ?? []
    // What a commit has is in the lake now. A file with rows on both sides of it can't be used, nor
    // can those after it, as files follow one another without gaps.
    const uncommitted = before.filter(({ from }) => from >= fromSeq)
    const usable = uncommitted[0]?.from === fromSeq ? uncommitted : []
    const { kept, from, level } = planRange(usable, usable.at(-1)?.to ?? fromSeq, toSeq)
    const files: RangeFile[] = [...kept]
    if (from < toSeq) {
      await setRowRange(connection, from, toSeq)
      files.push({ ...(await this.#copy(connection, name, openSql)), from, to: toSeq, level })
    }
    this.#ranges.set(name, files)
    this.#retire(before.filter((file) => !files.includes(file)))
    return files
  }

  async #copy(connection: DuckConnection, name: string, sql: string): Promise<RowFile> {
    const path = `${this.#directory}/${name}-${this.#serial++}.parquet`
    const rows = storableRowsSql(this.#columns.get(name) ?? [], sql)
    await connection.run(`COPY (${rows}) TO ${quoteText(path)} (${PARQUET})`)
    return { path, readers: 0, isOld: false }
  }

  /** The files are not up to date any more: they go when nobody reads them. */
  #retire(files: readonly RowFile[]): void {
    for (const file of files) {
      file.isOld = true
      this.#removeUnread(file)
    }
  }

  #release(files: RowFile[]): void {
    for (const file of files.splice(0)) {
      file.readers--
      this.#removeUnread(file)
    }
  }

  #removeUnread({ path, readers, isOld }: RowFile): void {
    if (isOld && readers === 0) void this.#files.remove(path).catch(() => undefined)
  }
}

/**
 * Which files stay, and which rows the next one has: those from `end` up to `toSeq`, and those of
 * the last files, where these are small or many.
 */
export function planRange<F extends LeveledRange>(
  files: readonly F[],
  end: number,
  toSeq: number,
): { readonly kept: readonly F[]; readonly from: number; readonly level: number } {
  if (end >= toSeq) return { kept: files, from: toSeq, level: 0 }
  let kept = files
  let from = end
  let level = 0
  for (let size = SMALL_RANGE; size < toSeq - end; size *= FAN_IN) level++
  for (;;) {
    const lower = kept.findIndex((file) => file.level < level)
    const same = kept.findIndex((file) => file.level <= level)
    if (lower < 0 && (same < 0 || kept.length - same < FAN_IN - 1)) return { kept, from, level }
    const at = lower < 0 ? same : lower
    from = kept[at]?.from ?? from
    kept = kept.slice(0, at)
    if (lower < 0) level++
  }
}
