/**
 * Merges the partial rows of one model for a checkpoint into few parts, each row a bounded number
 * of times, and separates the closed rows. It runs on another connection while new rows come in.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { printClosedSql, printClosingMsSql } from '../../../domain/models/finality.ts'
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
   * Merges the newer parts; all parts only if the newer ones have as many rows as the first, so
   * that a row is merged a bounded number of times. Only then are closed rows separated, if they
   * are at least `closedRowsMin`.
   */
  async compact(
    connection: DuckConnection,
    frozen: FrozenGold,
    options: CompactOptions,
  ): Promise<CompactedGold> {
    for (const table of this.#attempt) await connection.run(`DROP TABLE IF EXISTS ${table}`)
    this.#attempt = []
    const fresh = await this.#mergeTables(connection, frozen.newTables)
    const [first, ...others] = frozen.parts
    const newer = others.reduce((sum, part) => sum + part.rows, 0) + fresh.rows
    if (newer >= Math.max(options.mergeAllRowsMin, first?.rows ?? 0))
      return this.#compactAll(connection, { ...frozen, fresh }, options)
    if (others.length < PARTS_MAX) return { parts: [...frozen.parts, fresh], scratchTables: [] }
    const merged = await this.#mergeParts(connection, [...others, fresh], options)
    return { parts: first ? [first, merged] : [merged], scratchTables: [fresh.table] }
  }

  async #compactAll(
    connection: DuckConnection,
    { parts, fresh, closedMs }: FrozenGold & { readonly fresh: GoldPart },
    options: CompactOptions,
  ): Promise<CompactedGold> {
    const { model } = this.#sql.incremental
    const all = this.#name
    const merged = [...parts, fresh]
    const slices = sliceByKey(merged, options)
    await createInSlices(
      connection,
      all,
      slices.map((slice) => runsSql(this.#sql, selectSlice(merged, slice))),
    )
    await connection.run(`DROP TABLE ${fresh.table}`)
    const closed =
      options.watermarkMs === null ? 'FALSE' : printClosedSql(model, options.watermarkMs)
    const found = await connection.all(
      `SELECT count(*) AS n, max(${printClosingMsSql(model)}) AS ms FROM ${all} WHERE ${closed}`,
    )
    const { n = 0, ms = 0 } = found.rows[0] ?? {}
    const isDue = Number(n) >= Math.max(1, options.closedRowsMin)
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
    const newest = Math.max(closedMs ?? Number.NEGATIVE_INFINITY, Number(ms))
    return {
      parts: [{ table, rows, closedMs: newest }],
      scratchTables: scratch,
      closedRowsSql,
    }
  }

  async #mergeParts(
    connection: DuckConnection,
    parts: readonly GoldPart[],
    limits: GoldLimits,
  ): Promise<GoldPart> {
    const table = await this.#create(connection)
    this.#attempt.push(table)
    let rows = 0
    for (const slice of sliceByKey(parts, limits))
      rows += await connection.run(
        `INSERT INTO ${table} BY NAME ${mergedSql(this.#sql, selectSlice(parts, slice))}`,
      )
    return { table, rows, closedMs: null }
  }

  async #mergeTables(connection: DuckConnection, tables: readonly string[]): Promise<GoldPart> {
    const table = await this.#create(connection)
    this.#attempt.push(table)
    const rows = await connection.run(
      `INSERT INTO ${table} BY NAME ${mergedSql(this.#sql, tables)}`,
    )
    return { table, rows, closedMs: null }
  }
}

/**
 * Conditions that together hold for each partial row once; rows that are merged have the same first
 * key, so they are in the same slice.
 */
function sliceByKey(
  parts: readonly GoldPart[],
  { sliceRows }: Pick<GoldLimits, 'sliceRows'>,
): readonly string[] {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const count = Math.max(1, Math.ceil(rows / sliceRows))
  if (count === 1) return ['TRUE']
  return Array.from({ length: count }, (_, index) => `hash(k0) % ${count} = ${index}`)
}

/** Relations of the parts' rows for which the condition holds. */
function selectSlice(parts: readonly GoldPart[], slice: string): readonly string[] {
  return parts.map(({ table }) => `(SELECT * FROM ${table} WHERE ${slice})`)
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
