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
}

/** The views of one engine, in the catalog `memory`. */
export class VisibleViews {
  readonly #connection: DuckConnection
  readonly #models: readonly Model[]
  readonly #rows: ModelRows
  #hasViews = false

  /** `models`: each after those that it reads. */
  constructor(connection: DuckConnection, models: readonly Model[], rows: ModelRows) {
    this.#connection = connection
    this.#models = models
    this.#rows = rows
  }

  /** Recreates the views of the models that `isChanged` selects. */
  async create(isChanged: (model: Model) => boolean = () => true): Promise<void> {
    await this.#connection.run('BEGIN')
    for (const model of this.#models) {
      if (this.#hasViews && (model.kind === 'view' || !isChanged(model))) continue
      const paths = this.#rows.visibleFiles(model.name)
      const delta = this.#rows.openRowsSql(model.name) ?? `SELECT * FROM delta.${model.name}`
      const sql = model.kind === 'view' ? model.sql : visibleRowsSql(paths, delta)
      await this.#connection.run(`CREATE OR REPLACE VIEW memory.${model.name} AS ${sql}`)
    }
    await this.#connection.run('COMMIT')
    this.#hasViews = true
  }
}
