/** The databases over which the datasets may lie. */

/** Also the key of the database's file. */
export type Warehouse = 'duckdb' | 'redshift'

/** duckdb is the default. */
export const WAREHOUSES: readonly Warehouse[] = ['duckdb', 'redshift']
