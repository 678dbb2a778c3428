/**
 * A catalog in which models are views: a schema per layer, and the project's macros. Queries of
 * people run in a catalog `memory`, where functions that make huge values are bounded.
 */
import { quoteText } from '../../domain/kernel/sql-text.ts'
import { printBoundedFunctions } from './bounded-functions.ts'
import type { DuckConnection } from './duckdb.ts'

/** Layers of models, each a schema of a catalog. */
export const LAYERS = ['bronze', 'silver', 'gold'] as const

/** What every connection needs before it can run models. */
export interface CatalogOptions {
  /** Macros, and seeds as tables, as statements. */
  readonly macros: string
  readonly timezone: string
}

/**
 * Selects the catalog and sets the variables that macros read; `right_now()` is 1970 until setNow.
 */
export async function prepareConnection(
  connection: DuckConnection,
  catalog: string,
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

/** Selects the catalog and creates the schemas and macros in it. */
export async function createCatalog(
  connection: DuckConnection,
  catalog: string,
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
