/**
 * Rows of a push or pull query as they come: /query-stream answers with a line for the columns, then one JSON
 * array a row. A push query goes on until it is called off; a pull query ends by itself.
 */

import type { HttpClient, HttpLines } from '../../../adapters/http/http.ts'
import { parseJsonExactly } from '../../../domain/documents/json-lines.ts'
import type { CcsError } from '../../../domain/kernel/errors.ts'
import { asObject } from '../../../domain/kernel/json.ts'
import { reached, stranger, unbroken } from './connection.ts'
import { list, text } from './query-service.ts'
import { type Locate, placed, readRefusal, refused } from './server-error.ts'

export interface QueryRequest {
  readonly properties?: Readonly<Record<string, string>>
  /** Calls it off: rows end. */
  readonly signal?: AbortSignal
  readonly locate?: Locate
}

export interface QueryRows {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /**
   * Values in the order of the columns; exact numbers as text. May be gone through once, and must be, or the query
   * runs on. Leaving the loop calls the query off. CCS_ENGINE_UNREACHABLE when the server breaks it off.
   */
  readonly rows: AsyncIterable<readonly unknown[]>
}

const ACCEPT = 'application/vnd.ksqlapi.delimited.v1'

export async function openQuery(
  http: HttpClient,
  sql: string,
  { properties = {}, signal, locate }: QueryRequest,
): Promise<QueryRows> {
  const body = { sql: sql.endsWith(';') ? sql : `${sql};`, properties }
  const answer = await reached(http.url, () =>
    http.lines('/query-stream', { body, accept: ACCEPT, ...(signal ? { signal } : {}) }),
  )
  if (answer.status >= 300) throw await refusalOf(http.url, answer, locate)
  const lines = answer.lines[Symbol.asyncIterator]()
  const first = await unbroken(http.url, 'broke the query off', () => lines.next())
  const head = asObject(first.done ? undefined : parseJsonExactly(first.value))
  if (typeof head.message === 'string')
    throw refused(readRefusal({ status: answer.status, body: head }), locate)
  const names = list(head.columnNames).map(String)
  const types = list(head.columnTypes).map(String)
  const columns = names.map((name, index) => ({ name, type: types[index] ?? '' }))
  return { columns, rows: rowsOf(http.url, lines, types) }
}

async function* rowsOf(
  url: string,
  lines: AsyncIterator<string>,
  types: readonly string[],
): AsyncGenerator<readonly unknown[]> {
  try {
    for (;;) {
      const { done, value } = await unbroken(url, 'broke the query off', () => lines.next())
      if (done) return
      if (value.trim() === '') continue
      const parsed = parseJsonExactly(value)
      if (Array.isArray(parsed)) {
        yield parsed.map((one, index) => exact(one, types[index] ?? ''))
        continue
      }
      const { message } = asObject(parsed)
      // The last word of a query that ends: its limit, its continuation token, or what went wrong.
      if (typeof message === 'string' && asObject(parsed).error_code !== undefined)
        throw refused(readRefusal({ status: 500, body: parsed }))
    }
  } finally {
    await lines.return?.()
  }
}

/** DECIMAL comes as a JSON number; a short one is exact, a long one came as text already. */
function exact(value: unknown, type: string): unknown {
  if (typeof value !== 'number') return value
  const scale = /^DECIMAL\(\d+, (\d+)\)$/.exec(type)?.[1]
  return scale === undefined ? value : value.toFixed(Number(scale))
}

async function refusalOf(
  url: string,
  { status, lines }: HttpLines,
  locate: Locate | undefined,
): Promise<CcsError> {
  const whole: string[] = []
  for await (const line of lines) whole.push(line)
  const body = parsedOr(whole.join('\n'))
  const message = text(asObject(body).message)
  if (message === '') return stranger(url, { status })
  const code = Number(asObject(body).error_code) || 0
  return refused(placed({ status, code, message }), locate)
}

function parsedOr(textOf: string): unknown {
  try {
    return JSON.parse(textOf)
  } catch {
    return undefined
  }
}
