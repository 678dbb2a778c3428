/**
 * The views that queries see: per model one over its files in the lake and the rows that are not in
 * them. Models of kind view read the others by name, so theirs are created once.
 */
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import type { Model } from '../../../domain/models/model.ts'
import { visibleRowsSql } from './catalog.ts'

/** Where the rows of a model are. */
export interface ModelRows {
  /** Paths of its files in the lake. */
  visibleFiles(name: string): readonly string[]
  /** SELECT of the rows that are not there; undefined for a model without state. */
  openRowsSql(name: string): string | undefined
  /** Throws CCS_LAKE_DAMAGED unless the model's files are intact. */
  requireIntact(names: readonly string[], options: { isSuspect: true }): Promise<void>
}

/** The views of one engine, in the catalog `memory`. */
export class VisibleViews {
  readonly #connection: DuckConnection
  readonly #models: readonly Model[]
  readonly #rows: ModelRows
  #hasViews = false

  /** `models`: each after those that it reads. */
  constructor(
    connection: DuckConnection,
    models: readonly { readonly model: Model }[],
    rows: ModelRows,
  ) {
    this.#connection = connection
    this.#models = models.map(({ model }) => model)
    this.#rows = rows
  }

  /**
   * Recreates the views of the models that `isChanged` selects. A model with damaged files gets its
   * view if DuckDB can take the columns from another file: its rows are not served anyway.
   */
  async create(isChanged: (model: Model) => boolean = () => true): Promise<void> {
    try {
      await this.#createAll(isChanged)
    } catch (error) {
      const names = this.#models.map(({ name }) => name)
      const damage = await this.#rows.requireIntact(names, { isSuspect: true }).catch(toError)
      if (damage === undefined) throw error
      // Damaged files are the last of their table now.
      await this.#createAll(isChanged).catch(() => {
        throw damage
      })
    }
    this.#hasViews = true
  }

  async #createAll(isChanged: (model: Model) => boolean): Promise<void> {
    await this.#connection.run('BEGIN')
    try {
      for (const model of this.#models) {
        if (this.#hasViews && (model.kind === 'view' || !isChanged(model))) continue
        const { name } = model
        const delta = this.#rows.openRowsSql(name) ?? `SELECT * FROM delta.${name}`
        const stored = () => visibleRowsSql(this.#rows.visibleFiles(name), delta)
        const sql = model.kind === 'view' ? model.sql : stored()
        await this.#connection.run(`CREATE OR REPLACE VIEW memory.${name} AS ${sql}`)
      }
      await this.#connection.run('COMMIT')
    } catch (error) {
      await this.#connection.run('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}

function toError(error: unknown): unknown {
  return error
}
