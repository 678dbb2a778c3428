/** DuckDB's parser, asked for many texts at a time: a query of its own for each costs ten times what parsing does. */
import type { ParseSql } from './ast.ts'

/** The texts of a query's one column. */
export type QueryTexts = (sql: string, values: readonly string[]) => Promise<readonly string[]>

const AT_ONCE = 50

/** Parses any text. Those of `expected` are parsed together, and the next ones while these are being read. */
export function createBatchParser(expected: readonly string[], ask: QueryTexts): ParseSql {
  const texts = [...new Set(expected)]
  const places = new Map(texts.map((text, index) => [text, index]))
  const parsed = new Map<number, Promise<readonly string[]>>()
  const parse = (some: readonly string[]) => {
    const values = some.map((_, index) => `(${index}, $${index + 1}::VARCHAR)`).join(', ')
    return ask(
      `SELECT json_serialize_sql(sql) AS ast FROM (VALUES ${values}) AS texts(place, sql) ORDER BY place`,
      some,
    )
  }
  const chunk = (number: number) => {
    const found = parsed.get(number)
    if (found) return found
    const made = parse(texts.slice(number * AT_ONCE, (number + 1) * AT_ONCE))
    // Whoever asks for it is told.
    made.catch(() => undefined)
    parsed.set(number, made)
    return made
  }
  return async (text) => {
    const place = places.get(text)
    if (place === undefined) return (await parse([text]))[0] ?? ''
    const number = Math.floor(place / AT_ONCE)
    const trees = await chunk(number)
    if ((number + 1) * AT_ONCE < texts.length) chunk(number + 1)
    // What was read is not held: a thousand trees are a hundred megabytes.
    if (place % AT_ONCE === 0) parsed.delete(number - 1)
    return trees[place % AT_ONCE] ?? ''
  }
}
