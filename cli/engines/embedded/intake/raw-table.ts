/** The table of raw events as DuckDB sees it: one column a field of the contract, then where it came from. */
import type { Column } from '../../../domain/gate/decoder/duckdb-columns.ts'

export interface RawColumn {
  readonly name: string
  readonly isEnum: boolean
}

export function toRawColumns(columns: readonly Column[]): readonly RawColumn[] {
  return columns.map(({ name, type }) => ({ name, isEnum: type === 'ENUM' }))
}

/** CREATE TABLE; `table` is a name as SQL takes it. */
export function createTableSql(table: string, columns: readonly Column[]): string {
  const lines = columns.map((column) => `${quoted(column.name)} ${columnTypeSql(column)}`)
  return `CREATE TABLE ${table} (\n  ${lines.join(',\n  ')}\n)`
}

export function columnTypeSql(column: Column): string {
  switch (column.type) {
    case 'ENUM':
      return `ENUM(${column.symbols.map((symbol) => `'${symbol}'`).join(', ')})`
    case 'LIST':
      return `STRUCT(${column.children.map((one) => `${quoted(one.name)} ${columnTypeSql(one)}`).join(', ')})[]`
    default:
      return column.type
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
