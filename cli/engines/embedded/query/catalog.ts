/**
 * The two catalogs of the engine's in-memory DuckDB. `delta` holds what the lake has not yet: hot rows, the
 * models over them, partial Gold. `memory` holds what a query sees: lake files and delta as one table a model.
 * Views over hot rows look at the slice [slice_from, slice_to) of row numbers that the connection's variables
 * name, so that one set of views serves merging, flushing and asking.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import type { LakeFile } from '../../../domain/lake/manifest.ts'
import type { Model } from '../../../domain/models/model.ts'

export const LAYERS = ['bronze', 'silver', 'gold'] as const

export interface CatalogOptions {
  readonly macros: string
  readonly timezone: string
}

/** What a model is in the delta catalog. */
export interface DeltaModel {
  readonly model: Model
  /** Its SELECT; of the deduplicating model that over first arrivals, without QUALIFY, with the row number. */
  readonly sql: string
  /** bronze only: the same over first arrivals, with the row number. */
  readonly freshSql?: string
}

/** Settings that every connection needs before it can run a model. */
export async function prepareConnection(
  connection: DuckConnection,
  catalog: 'memory' | 'delta',
  options: CatalogOptions,
): Promise<void> {
  await connection.run(`USE ${catalog}`)
  await connection.run(`SET VARIABLE shop_timezone = ${text(options.timezone)}`)
  await setNow(connection, 0)
}

export async function setNow(connection: DuckConnection, nowMs: number): Promise<void> {
  await connection.run(`SET VARIABLE now_ms = ${Math.floor(nowMs)}::BIGINT`)
}

export async function setRowRange(
  connection: DuckConnection,
  from: number,
  to: number,
): Promise<void> {
  await connection.run(
    `SET VARIABLE slice_from = ${from}::BIGINT; SET VARIABLE slice_to = ${to}::BIGINT`,
  )
}

export async function createCatalogs(
  connection: DuckConnection,
  options: CatalogOptions,
): Promise<void> {
  await connection.run(`ATTACH ':memory:' AS delta (BLOCK_SIZE 16384)`)
  // DuckDB plans a statement that reads a variable anew each time it runs, and this one never changes.
  const macros = options.macros.replaceAll("getvariable('shop_timezone')", text(options.timezone))
  for (const catalog of ['delta', 'memory'] as const) {
    await prepareConnection(connection, catalog, options)
    for (const layer of LAYERS) await connection.run(`CREATE SCHEMA ${layer}`)
    await connection.run(macros)
  }
  await connection.run(
    'USE delta; CREATE SCHEMA raw; CREATE SCHEMA fresh_bronze; CREATE SCHEMA state',
  )
}

/** Views of the models over hot rows, made once; what they read is replaced as hot tables come and go. */
export async function createDeltaViews(
  connection: DuckConnection,
  models: readonly DeltaModel[],
): Promise<void> {
  for (const { model, sql, freshSql } of models) {
    await connection.run(`CREATE VIEW delta.${model.name} AS ${sql}`)
    if (freshSql) await connection.run(`CREATE VIEW delta.fresh_${model.name} AS ${freshSql}`)
  }
}

/**
 * SQL of a table as a query sees it: committed lake files, and rows that are not in the lake yet.
 * `delta` is a SELECT over the latter.
 */
export function visibleRowsSql(paths: readonly string[], delta: string): string {
  return paths.length === 0 ? delta : `${readParquetSql(paths)} UNION ALL BY NAME (${delta})`
}

/** SELECT of the rows of one table's lake files. */
export function readParquetSql(paths: readonly string[]): string {
  const files = paths.map(text).join(', ')
  // Files of one generation have the same columns: DuckDB need not open them all to plan a query.
  return `SELECT * FROM read_parquet([${files}], hive_partitioning = false)`
}

/** Files of one table, in the manifest's order. */
export function selectTableFiles(files: readonly LakeFile[], table: string): readonly LakeFile[] {
  return files.filter((file) => file.table === table)
}

/** A SQL string literal. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
