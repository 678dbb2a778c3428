/**
 * Turns a dbt model into SQL that DuckDB can parse, for lineage only: refs and sources become
 * tables, Jinja macros become functions of their text arguments. Nothing is rendered.
 */

/** SQL that can be parsed, and the tables that the model names. */
export interface DbtSql {
  readonly sql: string
  /** `dbt.<model>` for a ref, `<source>.<table>` for a source. */
  readonly reads: readonly string[]
}

const TABLE = new RegExp(
  String.raw`\b(?:ref\(\s*(?:['"][\w.]+['"]\s*,\s*)?['"](\w+)['"]\s*\)|` +
    String.raw`source\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]\s*\))`,
  'g',
)
const CALL = /^([\w.]+)\s*\((.*)\)$/s

/** Line breaks are kept, so that places in the SQL are places in the file. */
export function readDbtSql(text: string): DbtSql {
  const blank = (part: string): string => part.replace(/[^\n]/g, ' ')
  const bare = text.replace(/\{#.*?#\}/gs, blank)
  const sql = bare
    .replace(/\{%.*?%\}/gs, blank)
    .replace(/\{\{-?(.*?)-?\}\}/gs, (whole, inner: string) => {
      const breaks = '\n'.repeat(whole.split('\n').length - 1)
      const [table] = findTables(inner)
      const isTable = table !== undefined && /^\s*(ref|source)\b/.test(inner)
      return `${isTable ? table : convertJinja(inner.trim())}${breaks}`
    })
  return { sql, reads: findTables(bare) }
}

function findTables(text: string): readonly string[] {
  return [...text.matchAll(TABLE)].map(([, ref, source, name]) =>
    ref === undefined ? `${source}.${name}` : `dbt.${ref}`,
  )
}

/** `shop_day('event_time')` becomes `shop_day(event_time)`: dbt macros take SQL as text. */
function convertJinja(inner: string): string {
  const call = CALL.exec(inner)
  if (call === null) return 'NULL'
  const [, name = '', args = ''] = call
  if (name === 'config') return ''
  if (['var', 'env_var', 'return'].includes(name)) return 'NULL'
  const texts = [...args.matchAll(/'([^']*)'|"([^"]*)"/g)].map((one) => one[1] ?? one[2] ?? '')
  return `${name.replaceAll('.', '_')}(${texts.filter((one) => one !== '').join(', ')})`
}
