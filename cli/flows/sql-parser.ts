/** DuckDB's parser, asked for many texts at a time: a query of its own for each costs ten times what parsing does. */
import type { ParseSql } from '../core/sql-ast.ts'

export type AskTexts = (
  sql: string,
  values: readonly string[],
) => Promise<readonly { ast?: unknown }[]>

const AT_ONCE = 100

/** Parses any text; those of `expected` together with their neighbours, when the first of them is asked for. */
export function sqlParser(expected: readonly string[], ask: AskTexts): ParseSql {
  const texts = [...new Set(expected)]
  const places = new Map(texts.map((text, index) => [text, index]))
  const parsed = new Map<string, string>()
  const parse = async (some: readonly string[]) => {
    const values = some.map((_, index) => `(${index}, $${index + 1}::VARCHAR)`).join(', ')
    const rows = await ask(
      `SELECT json_serialize_sql(sql) AS ast FROM (VALUES ${values}) AS texts(place, sql) ORDER BY place`,
      some,
    )
    some.forEach((text, index) => {
      parsed.set(text, String(rows[index]?.ast))
    })
  }
  return async (text) => {
    if (!parsed.has(text)) {
      const at = places.get(text)
      await parse(at === undefined ? [text] : texts.slice(at, at + AT_ONCE))
    }
    const ast = parsed.get(text) ?? ''
    // Asked for once: a thousand trees would be held for nothing.
    parsed.delete(text)
    return ast
  }
}
