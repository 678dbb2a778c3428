/**
 * A dbt model as SQL that DuckDB can parse, as far as lineage needs it: refs and sources become tables, words
 * of Jinja become functions of their text arguments. Nothing is rendered.
 */

export interface DbtSql {
  readonly sql: string
  /** Tables it names: `dbt.<model>` for a ref, `<source>.<table>` for a source. */
  readonly reads: readonly string[]
}

const TABLE =
  /\b(?:ref\(\s*(?:['"][\w.]+['"]\s*,\s*)?['"](\w+)['"]\s*\)|source\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]\s*\))/g
const CALL = /^([\w.]+)\s*\((.*)\)$/s

/** Line breaks stay, so that places in the SQL are places in the file. */
export function readDbtSql(text: string): DbtSql {
  const blank = (part: string): string => part.replace(/[^\n]/g, ' ')
  const bare = text.replace(/\{#.*?#\}/gs, blank)
  const sql = bare
    .replace(/\{%.*?%\}/gs, blank)
    .replace(/\{\{-?(.*?)-?\}\}/gs, (whole, inner: string) => {
      const breaks = '\n'.repeat(whole.split('\n').length - 1)
      const [table] = tablesIn(inner)
      return `${/^\s*(ref|source)\b/.test(inner) && table ? table : word(inner.trim())}${breaks}`
    })
  return { sql, reads: tablesIn(bare) }
}

function tablesIn(text: string): readonly string[] {
  return [...text.matchAll(TABLE)].map(([, ref, source, name]) =>
    ref === undefined ? `${source}.${name}` : `dbt.${ref}`,
  )
}

/** `shop_day('event_time')` as `shop_day(event_time)`: what is told as text is SQL in dbt's macros. */
function word(inner: string): string {
  const call = CALL.exec(inner)
  if (call === null) return 'NULL'
  const [, name = '', args = ''] = call
  if (name === 'config') return ''
  if (['var', 'env_var', 'return'].includes(name)) return 'NULL'
  const texts = [...args.matchAll(/'([^']*)'|"([^"]*)"/g)].map((one) => one[1] ?? one[2] ?? '')
  return `${name.replaceAll('.', '_')}(${texts.filter((one) => one !== '').join(', ')})`
}
