/**
 * The two catalogs of the engine's in-memory DuckDB. `delta` holds what is not in the lake yet:
 * uncommitted rows, the models over them, partial Gold. `memory` holds what queries see: per model
 * one view over its lake files and `delta`. Views in `delta` select the row numbers from slice_from
 * up to, not including, slice_to, which are variables of the connection; so the same views serve
 * merging, flushing and queries.
 */

import { type Duck, type DuckConnection, openDuck } from '../../../adapters/duckdb/duckdb.ts'
import { type CatalogOptions, createCatalog } from '../../../adapters/duckdb/model-catalog.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import type { Model } from '../../../domain/models/model.ts'

/** A model as a view of the delta catalog. */
export interface DeltaModel {
  readonly model: Model
  /** Its SELECT; if it deduplicates: over first arrivals, without QUALIFY, with the row number. */
  readonly sql: string
  /** Only of Bronze: the same SELECT over first arrivals, with the row number. */
  readonly freshSql?: string
}

/** Limits the delta views of the connection to row numbers `from` up to, not including, `to`. */
export async function setRowRange(
  connection: DuckConnection,
  from: number,
  to: number,
): Promise<void> {
  await connection.run(
    `SET VARIABLE slice_from = ${from}::BIGINT; SET VARIABLE slice_to = ${to}::BIGINT`,
  )
}

/** Opens an instance in memory for one engine; `dataDirectory` is where it may spill. */
export function openEngineDuck(
  { dataDirectory }: { readonly dataDirectory: string },
  memoryLimitBytes: number,
): Promise<Duck> {
  return openDuck({
    // Ingestion and checkpoints already are two threads; more would only wait for each other.
    threads: 1,
    memoryLimitBytes,
    // DuckDB creates the directory when the first large query spills.
    tempDirectory: `${dataDirectory}/tmp`,
    config: { preserve_insertion_order: 'false' },
  })
}

/** Creates both catalogs with their schemas and macros; once per DuckDB instance. */
export async function createCatalogs(
  connection: DuckConnection,
  options: CatalogOptions,
): Promise<void> {
  await connection.run(`ATTACH ':memory:' AS delta (BLOCK_SIZE 16384)`)
  await createCatalog(connection, 'delta', options)
  await createCatalog(connection, 'memory', options)
  await connection.run(
    'USE delta; CREATE SCHEMA raw; CREATE SCHEMA fresh_bronze; CREATE SCHEMA state',
  )
}

/** Creates the models' views, once; the views that they read are replaced as tables come and go. */
export async function createDeltaViews(
  connection: DuckConnection,
  models: readonly DeltaModel[],
): Promise<void> {
  for (const { model, sql, freshSql } of models) {
    await connection.run(`CREATE VIEW delta.${model.name} AS ${sql}`)
    if (freshSql) await connection.run(`CREATE VIEW delta.fresh_${model.name} AS ${freshSql}`)
  }
}

/** SELECT of all rows of a model: those in its lake files, and those of `delta`, a SELECT. */
export function visibleRowsSql(paths: readonly string[], delta: string): string {
  return paths.length === 0 ? delta : `${readParquetSql(paths)} UNION ALL BY NAME (${delta})`
}

/** SELECT of the rows in Parquet files of one table; there must be at least one. */
export function readParquetSql(paths: readonly string[]): string {
  const files = paths.map(quoteText).join(', ')
  // Without union_by_name DuckDB opens one file to plan: files of a generation have equal columns.
  return `SELECT * FROM read_parquet([${files}], hive_partitioning = false)`
}
