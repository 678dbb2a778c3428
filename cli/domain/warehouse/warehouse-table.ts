/** Which tables of the lake's copy are loaded into a warehouse, and as what. */
import { quoteName } from '../kernel/sql-text.ts'
import { CLICKS_COLUMNS } from '../lake/clicks-columns.ts'

/** Names of schemas in the warehouse. */
export interface WarehouseSchemas {
  readonly raw: string
  readonly silver: string
}

/** A table of the warehouse, and the table of the lake that it is loaded from. */
export interface WarehouseTable {
  /** Such as `silver.orders`. */
  readonly source: string
  readonly schema: string
  readonly name: string
  /** Its column of UTC days, which is also the name of the folders. */
  readonly day: string
  /** Columns of each file in their order, where a contract says so; the day is not among them. */
  readonly contract: readonly (readonly [name: string, type: string])[] | undefined
}

/** undefined: it is not loaded. */
export function findWarehouseTable(
  source: string,
  schemas: WarehouseSchemas,
): WarehouseTable | undefined {
  if (source === 'bronze.clicks')
    return {
      ...{ source, schema: schemas.raw, name: 'raw_clicks', day: 'dt' },
      contract: CLICKS_COLUMNS,
    }
  const [layer, name] = source.split('.')
  if (layer !== 'silver' || name === undefined) return undefined
  return { source, schema: schemas.silver, name, day: 'event_date', contract: undefined }
}

/** For messages: `silver.orders`. */
export function displayTable({ schema, name }: WarehouseTable): string {
  return `${schema}.${name}`
}

/** For SQL. */
export function quoteTable({ schema, name }: Pick<WarehouseTable, 'schema' | 'name'>): string {
  return `${quoteName(schema)}.${quoteName(name)}`
}

/** `2026-11-22` of `dt=2026-11-22`; undefined: the folder is none of a day of this table. */
export function dayOf(table: WarehouseTable, partition: string): string | undefined {
  const [column, day = ''] = partition.split('=')
  return column === table.day && /^\d{4}-\d{2}-\d{2}$/.test(day) ? day : undefined
}
