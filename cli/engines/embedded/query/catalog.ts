/**
 * The two catalogs of the engine's in-memory DuckDB. `delta` holds what is not in the lake yet:
 * uncommitted rows, the models over them, partial Gold. `memory` holds what queries see: per model
 * one view over its lake files and `delta`. Views in `delta` select the row numbers from slice_from
 * up to, not including, slice_to, which are variables of the connection; so the same views serve
 * merging, flushing and queries.
 */

import { type Duck, type DuckConnection, openDuck } from '../../../adapters/duckdb/duckdb.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import type { Model } from '../../../domain/models/model.ts'
import { printBoundedFunctions } from './bounded-functions.ts'

/** Layers of models, each a schema in both catalogs. */
export const LAYERS = ['bronze', 'silver', 'gold'] as const

/** What every connection needs before it can run models. */
export interface CatalogOptions {
  /** Macros, and seeds as tables, as statements. */
  readonly macros: string
  readonly timezone: string
}

/** A model as a view of the delta catalog. */
export interface DeltaModel {
  readonly model: Model
  /** Its SELECT; if it deduplicates: over first arrivals, without QUALIFY, with the row number. */
  readonly sql: string
  /** Only of Bronze: the same SELECT over first arrivals, with the row number. */
  readonly freshSql?: string
}

/**
 * Selects the catalog and sets the variables that macros read; `right_now()` is 1970 until setNow.
 */
export async function prepareConnection(
  connection: DuckConnection,
  catalog: 'memory' | 'delta',
  options: CatalogOptions,
): Promise<void> {
  await connection.run(`USE ${catalog}`)
  await connection.run(`SET VARIABLE shop_timezone = ${quoteText(options.timezone)}`)
  await setNow(connection, 0)
}

/** Sets the clock of `right_now()` for the connection's queries, ms since 1970. */
export async function setNow(connection: DuckConnection, nowMs: number): Promise<void> {
  await connection.run(`SET VARIABLE now_ms = ${Math.floor(nowMs)}::BIGINT`)
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

/** Selects the catalog and creates the schemas and macros in it. */
export async function createCatalog(
  connection: DuckConnection,
  catalog: 'memory' | 'delta',
  options: CatalogOptions,
): Promise<void> {
  await prepareConnection(connection, catalog, options)
  for (const layer of LAYERS) await connection.run(`CREATE SCHEMA ${layer}`)
  // DuckDB replans a statement that reads a variable on every run; the timezone never changes.
  const timezone = quoteText(options.timezone)
  await connection.run(options.macros.replaceAll("getvariable('shop_timezone')", timezone))
  // After the project's macros, which are trusted and keep DuckDB's own functions.
  if (catalog === 'memory') await connection.run(printBoundedFunctions())
}

/** From here on no query of the instance reads a file outside `directory`. */
export async function restrictFiles(connection: DuckConnection, directory: string): Promise<void> {
  // A lake file never changes under its name, so its footer is read once.
  await connection.run('SET GLOBAL parquet_metadata_cache = true')
  await connection.run(`SET allowed_directories = [${quoteText(`${directory}/`)}]`)
  await connection.run('SET enable_external_access = false')
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
