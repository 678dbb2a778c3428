/**
 * Runs DuckDB's parser over many texts in one query: a query for each text costs ten times what the
 * parsing does.
 */
import type { ParseSql } from './ast.ts'

/** Runs a query with bound values and returns the texts of its only column. */
export type QueryTexts = (sql: string, values: readonly string[]) => Promise<readonly string[]>

const BATCH_TEXTS = 50

/**
 * A parser that handles any text. Texts in `expected` are parsed in batches, and the next batch is
 * parsed while the caller works on the current one; queryTexts for them in that order.
 */
export function createBatchParser(expected: readonly string[], queryTexts: QueryTexts): ParseSql {
  const texts = [...new Set(expected)]
  const places = new Map(texts.map((text, index) => [text, index]))
  const parsed = new Map<number, Promise<readonly string[]>>()
  const parse = (batch: readonly string[]) => {
    const values = batch.map((_, index) => `(${index}, $${index + 1}::VARCHAR)`).join(', ')
    return queryTexts(
      `SELECT json_serialize_sql(sql) AS ast
      FROM (VALUES ${values}) AS texts(place, sql) ORDER BY place`,
      batch,
    )
  }
  const parseChunk = (number: number) => {
    const found = parsed.get(number)
    if (found) return found
    const pending = parse(texts.slice(number * BATCH_TEXTS, (number + 1) * BATCH_TEXTS))
    // Whoever awaits the chunk gets the error; until then it must not count as unhandled.
    pending.catch(() => undefined)
    parsed.set(number, pending)
    return pending
  }
  return async (text) => {
    const place = places.get(text)
    if (place === undefined) return (await parse([text]))[0] ?? ''
    const number = Math.floor(place / BATCH_TEXTS)
    const trees = await parseChunk(number)
    if ((number + 1) * BATCH_TEXTS < texts.length) parseChunk(number + 1)
    // Chunks that were read are dropped: a thousand trees take a hundred megabytes.
    if (place % BATCH_TEXTS === 0) parsed.delete(number - 1)
    return trees[place % BATCH_TEXTS] ?? ''
  }
}
