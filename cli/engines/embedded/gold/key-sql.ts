/** Keys of Gold rows as text, as the records of docs/gold-topics.md have them. */

/**
 * SQL of a row's key as text: the value of a single column, else a JSON array. `typeOf` gives
 * DuckDB's type of each column.
 */
export function keySql(key: readonly string[], typeOf: ReadonlyMap<string, string>): string {
  const [only] = key
  if (only !== undefined && key.length === 1)
    return `coalesce(${keyPartSql(only, typeOf)}::VARCHAR, 'null')`
  return `CAST(json_array(${key.map((one) => keyPartSql(one, typeOf)).join(', ')}) AS VARCHAR)`
}

function keyPartSql(column: string, typeOf: ReadonlyMap<string, string>): string {
  const type = typeOf.get(column) ?? ''
  const name = `"${column}"`
  if (/^TIMESTAMP/.test(type))
    return `CASE WHEN epoch_us(${name}) % 1000 = 0 THEN strftime(${name}, '%Y-%m-%dT%H:%M:%S.%gZ')
      ELSE strftime(${name}, '%Y-%m-%dT%H:%M:%S.%fZ') END`
  return /INT$|^BOOLEAN$|^VARCHAR$/.test(type) ? name : `CAST(${name} AS VARCHAR)`
}
