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
    const fresh = await this.#mergeTables(connection, frozen.newTables, options)
    const [first, ...others] = frozen.parts
    const sizeOf = async (parts: readonly GoldPart[]) =>
      (await this.#measure(connection, toTables(parts))).size
    const newer = await sizeOf([...others, fresh])
    if (newer >= Math.max(options.mergeSizeMin, first ? await sizeOf([first]) : 0))
      return this.#compactAll(connection, { ...frozen, fresh }, options)
    if (others.length < PARTS_MAX) return { parts: [...frozen.parts, fresh], scratchTables: [] }
    const merged = await this.#mergeTables(connection, toTables([...others, fresh]), options)
    return { parts: first ? [first, merged] : [merged], scratchTables: [fresh.table] }
  }

  async #compactAll(
    connection: DuckConnection,
    { parts, fresh, closedMs }: FrozenGold & { readonly fresh: GoldPart },
    options: CompactOptions,
  ): Promise<CompactedGold> {
    const { model } = this.#sql.incremental
    const all = this.#name
    const tables = toTables([...parts, fresh])
    const slices = sliceByKey((await this.#measure(connection, tables)).size, options)
    await createInSlices(
      connection,
      all,
      slices.map((slice) => runsSql(this.#sql, selectSlice(tables, slice))),
    )
    await connection.run(`DROP TABLE ${fresh.table}`)
    const closed =
      options.watermarkMs === null ? 'FALSE' : printClosedSql(model, options.watermarkMs)
    const found = await this.#measure(connection, [`(SELECT * FROM ${all} WHERE ${closed})`])
    const isDue =
      found.rows >= Math.max(1, options.closedRowsMin) || found.size >= options.mergeSizeMin
    const kept = isDue ? `WHERE NOT (${closed})` : ''
    const helper = model.session ? ' EXCLUDE (_run, _run_last, _is_long)' : ''
    const table = await this.#create(connection)
    this.#attempt.push(table, all)
    const rows = await connection.run(
      `INSERT INTO ${table} BY NAME SELECT *${helper} FROM ${all} ${kept}`,
    )
    const scratch = [all]
    if (!isDue) return { parts: [{ table, rows, closedMs }], scratchTables: scratch }
    const closedRowsSql = slices.map((slice) =>
      finalSql(this.#sql, `SELECT * FROM ${all} WHERE ${closed} AND ${slice}`),
    )
    // Of the rows, not the watermark: that may be far ahead of them, by a clock that jumped.
    const last = await connection.all(
      `SELECT max(${printClosingMsSql(model)}) AS ms FROM ${all} WHERE ${closed}`,
    )
    const newest = Math.max(closedMs ?? Number.NEGATIVE_INFINITY, Number(last.rows[0]?.ms ?? 0))
    return {
      parts: [{ table, rows, closedMs: newest }],
      scratchTables: scratch,
      closedRowsSql,
    }
  }

  async #mergeTables(
    connection: DuckConnection,
    tables: readonly string[],
    limits: GoldLimits,
  ): Promise<GoldPart> {
    const table = await this.#create(connection)
    this.#attempt.push(table)
    let rows = 0
    for (const slice of sliceByKey((await this.#measure(connection, tables)).size, limits))
      rows += await connection.run(
        `INSERT INTO ${table} BY NAME ${mergedSql(this.#sql, selectSlice(tables, slice))}`,
      )
    return { table, rows, closedMs: null }
  }

  /** Rows of the relations; `size` counts the entries of their lists too, such as visitors. */
  async #measure(
    connection: DuckConnection,
    relations: readonly string[],
  ): Promise<{ readonly rows: number; readonly size: number }> {
    const isList = ({ merge }: PartialColumn) => merge === 'list' || merge === 'distinct'
    const lists = this.#sql.incremental.columns.filter(isList)
    const size = ['1', ...lists.map(({ name }) => `coalesce(len(${name}), 0)`)].join(' + ')
    const measured = { rows: 0, size: 0 }
    for (const relation of relations) {
      const sql = `SELECT count(*) AS n, CAST(sum(${size}) AS BIGINT) AS size FROM ${relation}`
      const [one] = (await connection.all(sql)).rows
      measured.rows += Number(one?.n ?? 0)
      measured.size += Number(one?.size ?? 0)
    }
    return measured
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
