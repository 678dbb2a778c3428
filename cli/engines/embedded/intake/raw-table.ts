/** SQL of the table of raw events: a column per field of the schema, then those of its source. */
import type { Column } from '../../../domain/gate/decoder/duckdb-columns.ts'
import { quoteName } from '../../../domain/kernel/sql-text.ts'

/** A column as far as views over the table need it. */
export interface RawColumn {
  readonly name: string
  readonly isEnum: boolean
}

/** In the table's order. */
export function toRawColumns(columns: readonly Column[]): readonly RawColumn[] {
  return columns.map(({ name, type }) => ({ name, isEnum: type === 'ENUM' }))
}

/** The CREATE TABLE statement; `table` is a qualified name, already quoted if needed. */
export function createTableSql(table: string, columns: readonly Column[]): string {
  const lines = columns.map(columnSql)
  return `CREATE TABLE ${table} (\n  ${lines.join(',\n  ')}\n)`
}

/** DuckDB's type of a column. */
export function columnTypeSql(column: Column): string {
  switch (column.type) {
    case 'ENUM':
      return `ENUM(${column.symbols.map((symbol) => `'${symbol}'`).join(', ')})`
    case 'LIST':
      return `STRUCT(${column.children.map(columnSql).join(', ')})[]`
    default:
      return column.type
  }
}

function columnSql(column: Column): string {
  return `${quoteName(column.name)} ${columnTypeSql(column)}`
}
