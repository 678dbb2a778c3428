/**
 * The columns of a table of the warehouse, and what has to change about them before rows of files
 * can be inserted. Columns are added and widened, never removed or narrowed.
 */
import { CcsError } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import {
  canHold,
  canWiden,
  chooseTextBytes,
  findColumnType,
  parseStoredType,
  readTextBytes,
  TEXT_BYTES_MAX,
} from './column-type.ts'
import type { WarehouseRow } from './warehouse.ts'
import { displayTable, quoteTable, type WarehouseTable } from './warehouse-table.ts'

/** A column by its name in the warehouse, and its type there. */
export interface TableColumn {
  readonly name: string
  readonly type: string
}

/** A table as it is. */
export interface StoredTable {
  readonly columns: readonly TableColumn[]
  /** How often its columns were changed, from 1; it stands in the table's comment. */
  readonly version: number
}

/** Asks for the columns of a table in their order; its comment is in each row. */
export function selectColumns({ schema, name }: Pick<WarehouseTable, 'schema' | 'name'>): string {
  return (
    'SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, ' +
    'd.description AS comment FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace ' +
    'JOIN pg_attribute a ON a.attrelid = c.oid ' +
    'LEFT JOIN pg_description d ON d.objoid = c.oid AND d.objsubid = 0 ' +
    `WHERE n.nspname = ${quoteText(schema)} AND c.relname = ${quoteText(name)} ` +
    'AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum'
  )
}

/** undefined: there is no such table. */
export function readStoredTable(rows: readonly WarehouseRow[]): StoredTable | undefined {
  if (rows.length === 0) return undefined
  const comment = rows[0]?.comment ?? ''
  return {
    columns: rows.map(({ name, type }) => ({
      name: name ?? '',
      type: parseStoredType(type ?? ''),
    })),
    version: Number(/version (\d+)/.exec(comment)?.[1] ?? 1),
  }
}

/** The columns that rows need: those of all files, the day last where files lack it. */
export function mergeColumns(
  table: WarehouseTable,
  layouts: readonly (readonly TableColumn[])[],
): readonly TableColumn[] {
  const merged = new Map<string, TableColumn>()
  for (const column of layouts.flat()) {
    const known = merged.get(column.name)
    if (!known || canWiden(known.type, column.type)) merged.set(column.name, column)
    else if (!canHold(known.type, column.type)) throw differ(table, column, known)
  }
  if (!merged.has(table.day)) merged.set(table.day, { name: table.day, type: 'DATE' })
  return [...merged.values()]
}

/** The type that a column gets when nothing is known of a longer text. */
function fitText(column: TableColumn, longest: ReadonlyMap<string, number>): TableColumn {
  if (readTextBytes(column.type) === undefined) return column
  return { ...column, type: `VARCHAR(${chooseTextBytes(longest.get(column.name) ?? 0)})` }
}

/** What makes or changes a table. */
export interface TableChange {
  /** Each by itself, before the transaction: Redshift widens texts outside of one only. */
  readonly before: readonly string[]
  /** At the beginning of the transaction. */
  readonly within: readonly string[]
}

/**
 * `longest` has the bytes of the longest text of each column in the files. CCS_WAREHOUSE_REFUSED: a
 * column has another type than the table's. Pure.
 */
export function planTableChange(
  table: WarehouseTable,
  stored: StoredTable | undefined,
  needed: readonly TableColumn[],
  longest: ReadonlyMap<string, number>,
): TableChange {
  const target = quoteTable(table)
  if (!stored) {
    const columns = needed.map((one) => describeColumn(fitText(one, longest))).join(', ')
    return {
      before: [`CREATE TABLE IF NOT EXISTS ${target} (${columns})`],
      within: [describeVersion(table, 1)],
    }
  }
  const before: string[] = []
  const within: string[] = []
  for (const column of needed) {
    const fitted = fitText(column, longest)
    const known = stored.columns.find((one) => one.name === column.name)
    if (!known) within.push(`ALTER TABLE ${target} ADD COLUMN ${describeColumn(fitted)}`)
    else if (readTextBytes(known.type) !== undefined && readTextBytes(fitted.type) !== undefined) {
      if (Number(readTextBytes(known.type)) < (longest.get(column.name) ?? 0))
        before.push(
          `ALTER TABLE ${target} ALTER COLUMN ${quoteName(column.name)} TYPE ${fitted.type}`,
        )
    } else if (canHold(known.type, column.type)) continue
    else if (canWiden(known.type, column.type)) appendAll(within, replaceColumn(target, column))
    else throw differ(table, column, known)
  }
  const isChanged = before.length + within.length > 0
  if (isChanged) within.push(describeVersion(table, stored.version + 1))
  return { before, within }
}

/** A table that has no files yet; `columns` have types of DuckDB. [] if Redshift lacks one. */
export function createEmptyTable(
  table: WarehouseTable,
  columns: readonly { readonly name: string; readonly type: string }[],
): readonly string[] {
  const needed = columns.flatMap(({ name, type }) => {
    const found = findColumnType({ name, type, physical: '', typeBytes: null })
    return typeof found === 'string' ? [{ name: name.toLowerCase(), type: found }] : []
  })
  if (needed.length === 0 || needed.length < columns.length) return []
  const { before, within } = planTableChange(
    table,
    undefined,
    mergeColumns(table, [needed]),
    new Map(),
  )
  return [...before, ...within]
}

/** Redshift changes no type but a text's length. */
function replaceColumn(target: string, { name, type }: TableColumn): readonly string[] {
  const [old, next] = [quoteName(name), quoteName(`${name} as ${type.toLowerCase()}`)]
  return [
    `ALTER TABLE ${target} ADD COLUMN ${next} ${type}`,
    `UPDATE ${target} SET ${next} = CAST(${old} AS ${type})`,
    `ALTER TABLE ${target} DROP COLUMN ${old}`,
    `ALTER TABLE ${target} RENAME COLUMN ${next} TO ${old}`,
  ]
}

/** `"page" VARCHAR(256)` */
export function describeColumn({ name, type }: TableColumn): string {
  return `${quoteName(name)} ${type}`
}

function describeVersion(table: WarehouseTable, version: number): string {
  const text = `Loaded from ${table.source} by ccs load redshift; columns version ${version}`
  return `COMMENT ON TABLE ${quoteTable(table)} IS ${quoteText(text)}`
}

function differ(table: WarehouseTable, column: TableColumn, known: TableColumn): CcsError {
  const name = displayTable(table)
  return new CcsError(
    'CCS_WAREHOUSE_REFUSED',
    `${name}.${column.name} is ${known.type} and ${describeType(column.type)} in newer files.`,
    {
      hint:
        `Give the column another name in its model, or load the table anew: DROP TABLE ${name}, ` +
        'then ccs load redshift.',
    },
  )
}

function describeType(type: string): string {
  return type === `VARCHAR(${TEXT_BYTES_MAX})` ? 'VARCHAR' : type
}
