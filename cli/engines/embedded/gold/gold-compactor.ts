/**
 * Merges the partial rows of one model for a checkpoint: few parts, of which a row is merged a bounded number
 * of times; and those that have closed leave. Runs on another connection while new rows come in.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import type { StateFile } from '../../../domain/lake/manifest.ts'
import { closedSql } from '../../../domain/models/finality.ts'
import type { GoldLimits } from '../options.ts'
import { finalSql, type GoldSql, mergedSql, runsSql } from './gold-sql.ts'

/** Merged partial rows that a commit has, or is about to have, in a file of its own. */
export interface GoldPart {
  readonly table: string
  readonly rows: number
  readonly file?: StateFile
  /** Greatest watermark at which rows of the model have left for the lake, ms; null: none have. */
  readonly closedMs: number | null
}

/** What a checkpoint works on: it does not change any more. */
export interface FrozenGold {
  readonly parts: readonly GoldPart[]
  readonly fresh: readonly string[]
  readonly closedMs: number | null
  /** All rows are here: what the lake has of the model is not to be served or named any more. */
  readonly isRebuilt: boolean
}

export interface CompactedGold {
  readonly parts: readonly GoldPart[]
  /** SELECT of finished rows that leave the state with this commit. */
  readonly closedRowsSql?: string
  /** Tables that nobody needs once that has been read. */
  readonly scratchTables: readonly string[]
}

export type CompactOptions = GoldLimits & { readonly watermarkMs: number | null }

/** Further parts are merged into one at this many, and into the first one once they have as many rows. */
const PARTS_MAX = 8

export class GoldCompactor {
  readonly #sql: GoldSql
  readonly #name: string
  readonly #create: (connection: DuckConnection) => Promise<string>
  /** Tables that are not in force yet; left over when it failed. */
  #attempt: string[] = []

  /** `name`: of a table for its own use. `create` makes an empty one for partial rows. */
  constructor(sql: GoldSql, name: string, create: (on: DuckConnection) => Promise<string>) {
    this.#sql = sql
    this.#name = name
    this.#create = create
  }

  /** Its tables are in force, or dropped by others. */
  reset(): void {
    this.#attempt = []
  }

  /**
   * Merges what was frozen into few parts; the whole only when the newer parts have as many rows as the
   * first, so that a row is merged a bounded number of times. Then rows that have closed by `watermarkMs`
   * leave, when there are `closedMin` of them: `closed` selects them. Runs on another connection.
   */
  async compact(
    connection: DuckConnection,
    frozen: FrozenGold,
    options: CompactOptions,
  ): Promise<CompactedGold> {
    for (const table of this.#attempt) await connection.run(`DROP TABLE IF EXISTS ${table}`)
    this.#attempt = []
    const fresh = await this.#mergeTables(connection, frozen.fresh)
    const [first, ...others] = frozen.parts
    const newer = others.reduce((sum, part) => sum + part.rows, 0) + fresh.rows
    if (newer >= Math.max(options.mergeAllRowsMin, first?.rows ?? 0))
      return this.#compactAll(connection, [...frozen.parts, fresh], options, frozen.closedMs)
    if (others.length < PARTS_MAX) return { parts: [...frozen.parts, fresh], scratchTables: [] }
    const tables = [...others, fresh].map((part) => part.table)
    const merged = await this.#mergeTables(connection, tables)
    return { parts: first ? [first, merged] : [merged], scratchTables: [fresh.table] }
  }

  async #compactAll(
    connection: DuckConnection,
    parts: readonly GoldPart[],
    options: CompactOptions,
    closedMs: number | null,
  ): Promise<CompactedGold> {
    const { model } = this.#sql.incremental
    const all = this.#name
    const tables = parts.map((part) => part.table)
    await connection.run(`CREATE OR REPLACE TABLE ${all} AS ${runsSql(this.#sql, tables)}`)
    const closed = options.watermarkMs === null ? 'FALSE' : closedSql(model, options.watermarkMs)
    const count = await connection.all(`SELECT count(*) AS n FROM ${all} WHERE ${closed}`)
    const isDue = Number(count.rows[0]?.n ?? 0) >= Math.max(1, options.closedRowsMin)
    const kept = isDue ? `WHERE NOT (${closed})` : ''
    const helper = model.session ? ' EXCLUDE (_run, _run_last, _is_long)' : ''
    const table = await this.#create(connection)
    this.#attempt.push(table, all)
    const rows = await connection.run(
      `INSERT INTO ${table} BY NAME SELECT *${helper} FROM ${all} ${kept}`,
    )
    const scratch = [all, parts.at(-1)?.table ?? all]
    if (!isDue) return { parts: [{ table, rows, closedMs }], scratchTables: scratch }
    const closedSelect = finalSql(this.#sql, `SELECT * FROM ${all} WHERE ${closed}`)
    const newest = Math.max(closedMs ?? Number.NEGATIVE_INFINITY, options.watermarkMs ?? 0)
    return {
      parts: [{ table, rows, closedMs: newest }],
      scratchTables: scratch,
      closedRowsSql: closedSelect,
    }
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
