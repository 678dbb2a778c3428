/**
 * Merges the partial rows of one model for a checkpoint into few parts, each row a bounded number
 * of times, and separates the closed rows. It runs on another connection while new rows come in.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { printClosedSql, printClosingMsSql } from '../../../domain/models/finality.ts'
import type { PartialColumn } from '../../../domain/models/incremental.ts'
import type { GoldLimits } from '../options.ts'
import type { FrozenGold, GoldPart } from '../snapshot.ts'
import { finalSql, type GoldSql, mergedSql, runsSql } from './gold-sql.ts'

/** What a commit has of one Gold model after the merge. */
export interface CompactedGold {
  readonly parts: readonly GoldPart[]
  /**
   * SELECTs that together give the closed rows that move to the lake with this commit, each of a
   * bounded number; absent: none do.
   */
  readonly closedRowsSql?: readonly string[]
  /** Tables to drop once that SELECT has run. */
  readonly scratchTables: readonly string[]
}

/** `watermarkMs` is the least watermark of all partitions at the snapshot; null: none yet. */
export type CompactOptions = GoldLimits & { readonly watermarkMs: number | null }

/** With this many further parts they are merged into one. */
const PARTS_MAX = 8

/** One per model; `compact` and `reset` alternate, except after a failure. */
export class GoldCompactor {
  readonly #sql: GoldSql
  readonly #name: string
  readonly #create: (connection: DuckConnection) => Promise<string>
  /** Tables created by an attempt that is not committed; dropped before the next attempt. */
  #attempt: string[] = []

  /** `name` is a table for its own use; `create` makes an empty table of partial rows. */
  constructor(sql: GoldSql, name: string, create: (on: DuckConnection) => Promise<string>) {
    this.#sql = sql
    this.#name = name
    this.#create = create
  }

  /** The last result was committed, or others drop its tables. */
  reset(): void {
    this.#attempt = []
  }

  /**
   * Merges the newer parts; all parts only if the newer ones are as large as the first, so that a
   * row is merged a bounded number of times. Only then are closed rows separated, if they are at
   * least `closedRowsMin` or large.
   */
  async compact(
    connection: DuckConnection,
    frozen: FrozenGold,
    options: CompactOptions,
  ): Promise<CompactedGold> {
    for (const table of this.#attempt) await connection.run(`DROP TABLE IF EXISTS ${table}`)
    this.#attempt = []
    const created = await this.#measure(connection, frozen.newTables)
    const fresh = await this.#mergeTables(connection, frozen.newTables, created.size, options)
    const [first, ...others] = frozen.parts
    const newParts = [...others, fresh]
    const { size } = await this.#measure(connection, toTables(newParts))
    const firstSize = first ? (await this.#measure(connection, [first.table])).size : 0
    if (size >= Math.max(options.mergeSizeMin, firstSize))
      return this.#compactAll(connection, { ...frozen, fresh, size: firstSize + size }, options)
    if (others.length < PARTS_MAX) return { parts: [...frozen.parts, fresh], scratchTables: [] }
    const merged = await this.#mergeTables(connection, toTables(newParts), size, options)
    return { parts: first ? [first, merged] : [merged], scratchTables: [fresh.table] }
  }

  async #compactAll(
    connection: DuckConnection,
    { parts, fresh, size, closedMs }: FrozenGold & { readonly fresh: GoldPart; size: number },
    options: CompactOptions,
  ): Promise<CompactedGold> {
    const { model } = this.#sql.incremental
    const isClosed =
      options.watermarkMs === null ? 'FALSE' : printClosedSql(model, options.watermarkMs)
    const slices = sliceByKey(size, options)
    const about = { slices, isClosed, tables: toTables([...parts, fresh]) }
    const { table, closed, rows: openRows } = await this.#separate(connection, about)
    await connection.run(`DROP TABLE ${fresh.table}`)
    const found = await this.#measure(connection, [closed], printClosingMsSql(model))
    const isDue =
      found.rows >= Math.max(1, options.closedRowsMin) || found.size >= options.mergeSizeMin
    if (!isDue) {
      const rows = openRows + (await this.#insertRows(connection, table, closed))
      return { parts: [{ table, rows, closedMs }], scratchTables: [closed] }
    }
    const closedRowsSql = slices.map((slice) =>
      finalSql(this.#sql, `SELECT * FROM ${closed} WHERE ${slice}`),
    )
    // Of the rows, not the watermark: that may be far ahead of them, by a clock that jumped.
    const newest = Math.max(closedMs ?? Number.NEGATIVE_INFINITY, found.greatest)
    return {
      parts: [{ table, rows: openRows, closedMs: newest }],
      scratchTables: [closed],
      closedRowsSql,
    }
  }

  /**
   * Merges the rows of `tables` slice by slice, into a new part of those that are open, and a table
   * of those that are closed: the whole is in memory once. `rows`: of the part.
   */
  async #separate(
    connection: DuckConnection,
    about: {
      readonly tables: readonly string[]
      readonly slices: readonly string[]
      readonly isClosed: string
    },
  ): Promise<{ readonly table: string; readonly closed: string; readonly rows: number }> {
    const { tables, slices, isClosed } = about
    const [merged, closed] = [`${this.#name}_merged`, `${this.#name}_closed`]
    const table = await this.#create(connection)
    this.#attempt.push(table, merged, closed)
    let rows = 0
    for (const [index, slice] of slices.entries()) {
      const sql = runsSql(this.#sql, selectSlice(tables, slice))
      await connection.run(`CREATE OR REPLACE TABLE ${merged} AS ${sql}`)
      const closing = `SELECT * FROM ${merged} WHERE ${isClosed}`
      await connection.run(
        index === 0
          ? `CREATE OR REPLACE TABLE ${closed} AS ${closing}`
          : `INSERT INTO ${closed} ${closing}`,
      )
      const open = `(FROM ${merged} WHERE (${isClosed}) IS NOT TRUE)`
      rows += await this.#insertRows(connection, table, open)
    }
    await connection.run(`DROP TABLE ${merged}`)
    return { table, closed, rows }
  }

  /** Adds rows with the columns of `runsSql` to a part; returns their number. */
  #insertRows(connection: DuckConnection, table: string, from: string): Promise<number> {
    const helper = this.#sql.incremental.model.session ? ' EXCLUDE (_run, _run_last, _is_long)' : ''
    return connection.run(`INSERT INTO ${table} BY NAME SELECT *${helper} FROM ${from}`)
  }

  async #mergeTables(
    connection: DuckConnection,
    tables: readonly string[],
    size: number,
    limits: GoldLimits,
  ): Promise<GoldPart> {
    const table = await this.#create(connection)
    this.#attempt.push(table)
    let rows = 0
    for (const slice of sliceByKey(size, limits))
      rows += await connection.run(
        `INSERT INTO ${table} BY NAME ${mergedSql(this.#sql, selectSlice(tables, slice))}`,
      )
    return { table, rows, closedMs: null }
  }

  /**
   * Rows of the relations; `size` counts the entries of their lists too, such as visitors, and
   * `greatest` is the greatest value of an expression of their columns, 0 without rows.
   */
  async #measure(
    connection: DuckConnection,
    relations: readonly string[],
    expression = '0',
  ): Promise<{ readonly rows: number; readonly size: number; readonly greatest: number }> {
    const isList = ({ merge }: PartialColumn) => merge === 'list' || merge === 'distinct'
    const lists = this.#sql.incremental.columns.filter(isList)
    const size = ['1', ...lists.map(({ name }) => `coalesce(len(${name}), 0)`)].join(' + ')
    const all = relations.map((one) => `SELECT * FROM ${one}`).join(' UNION ALL ')
    const { rows } = await connection.all(`SELECT count(*) AS n,
        CAST(sum(${size}) AS BIGINT) AS size, max(${expression}) AS greatest FROM (${all})`)
    const [found] = rows
    return {
      rows: Number(found?.n ?? 0),
      size: Number(found?.size ?? 0),
      greatest: Number(found?.greatest ?? 0),
    }
  }
}

function toTables(parts: readonly GoldPart[]): readonly string[] {
  return parts.map(({ table }) => table)
}

/**
 * Conditions that together hold for each partial row once; rows that are merged have the same first
 * key, so they are in the same slice.
 */
function sliceByKey(size: number, { sliceSize }: Pick<GoldLimits, 'sliceSize'>): readonly string[] {
  const count = Math.max(1, Math.ceil(size / sliceSize))
  if (count === 1) return ['TRUE']
  return Array.from({ length: count }, (_, index) => `hash(k0) % ${count} = ${index}`)
}

/** Relations of the tables' rows for which the condition holds. */
function selectSlice(tables: readonly string[], slice: string): readonly string[] {
  return tables.map((table) => `(SELECT * FROM ${table} WHERE ${slice})`)
}

/** Creates the table of the rows of all the SELECTs, which run one after the other. */
export async function createInSlices(
  connection: DuckConnection,
  table: string,
  [first = '', ...others]: readonly string[],
): Promise<void> {
  await connection.run(`CREATE OR REPLACE TABLE ${table} AS ${first}`)
  for (const sql of others) await connection.run(`INSERT INTO ${table} ${sql}`)
}
