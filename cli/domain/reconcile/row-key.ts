/** Keys of several columns as one text, such as `EUR | Garden`, which no other key gives. */
import { quoteName } from '../kernel/sql-text.ts'

const SEPARATOR = ' | '

/** The text of a key; null is `NULL`, and a value that could be mistaken stands in quotes. */
export function formatKey(values: readonly unknown[]): string {
  return values.map((one) => (one == null ? 'NULL' : formatPart(String(one)))).join(SEPARATOR)
}

function formatPart(text: string): string {
  const isPlain = text !== 'NULL' && !text.startsWith('"') && !text.includes('|')
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`
}

/** An expression of DuckDB that gives what `formatKey` gives of the columns' values as text. */
export function printKeySql(names: readonly string[]): string {
  const parts = names.map((name) => {
    const text = `CAST(${quoteName(name)} AS VARCHAR)`
    return `CASE WHEN ${text} IS NULL THEN 'NULL'
      WHEN ${text} = 'NULL' OR starts_with(${text}, '"') OR contains(${text}, '|')
        THEN '"' || replace(${text}, '"', '""') || '"'
      ELSE ${text} END`
  })
  return parts.join(` || '${SEPARATOR}' || `)
}
