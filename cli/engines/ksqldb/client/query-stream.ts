/**
 * Streams the rows of a push or pull query. /query-stream answers with one line for the columns,
 * then one JSON array per row. A push query runs until it is cancelled; a pull query ends by
 * itself.
 */

import type { HttpClient, HttpLines } from '../../../adapters/http/http.ts'
import { parseJsonExactly } from '../../../domain/documents/json-lines.ts'
import type { CcsError } from '../../../domain/kernel/errors.ts'
import { asList, asObject, parseJson } from '../../../domain/kernel/json.ts'
import { notAKsqlDb, sendRequest, withConnectionErrors } from './connection.ts'
import { asText } from './server-answers.ts'
import {
  extractPlace,
  type LocateInFile,
  readServerError,
  toStatementRejected,
} from './server-error.ts'

/** How a query is sent. */
export interface QueryRequest {
  readonly properties?: Readonly<Record<string, string>>
  /** Cancels the query: its rows end. */
  readonly signal?: AbortSignal
  readonly locate?: LocateInFile
}

/** The rows of one query. */
export interface QueryRows {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /**
   * Values in the order of the columns; exact numbers as text. Must be iterated, once, or the query
   * keeps running; leaving the loop cancels it. Throws CCS_ENGINE_UNREACHABLE if the server breaks
   * it off.
   */
  readonly rows: AsyncIterable<readonly unknown[]>
}

const ACCEPT = 'application/vnd.ksqlapi.delimited.v1'

/** Sends a query and reads its columns. Throws CCS_ENGINE_REFUSED if the server rejects it. */
export async function openQuery(
  http: HttpClient,
  sql: string,
  { properties = {}, signal, locate }: QueryRequest,
): Promise<QueryRows> {
  const body = { sql: sql.endsWith(';') ? sql : `${sql};`, properties }
  const answer = await sendRequest(http.url, () =>
    http.lines('/query-stream', { body, accept: ACCEPT, ...(signal ? { signal } : {}) }),
  )
  if (answer.status >= 300) throw await readRejection(http.url, answer, locate)
  const lines = answer.lines[Symbol.asyncIterator]()
  const first = await withConnectionErrors(http.url, 'broke the query off', () => lines.next())
  const head = asObject(first.done ? undefined : parseJsonExactly(first.value))
  if (typeof head.message === 'string')
    throw toStatementRejected(readServerError({ status: answer.status, body: head }), locate)
  const names = asList(head.columnNames).map(String)
  const types = asList(head.columnTypes).map(String)
  const columns = names.map((name, index) => ({ name, type: types[index] ?? '' }))
  return { columns, rows: readRows(http.url, lines, types) }
}

async function* readRows(
  url: string,
  lines: AsyncIterator<string>,
  types: readonly string[],
): AsyncGenerator<readonly unknown[]> {
  try {
    for (;;) {
      const { done, value } = await withConnectionErrors(url, 'broke the query off', () =>
        lines.next(),
      )
      if (done) return
      if (value.trim() === '') continue
      const parsed = parseJsonExactly(value)
      if (Array.isArray(parsed)) {
        yield parsed.map((one, index) => toExactText(one, types[index] ?? ''))
        continue
      }
      const { message } = asObject(parsed)
      // The last line of a query: its limit was met, a continuation token, or an error.
      if (typeof message === 'string' && asObject(parsed).error_code !== undefined)
        throw toStatementRejected(readServerError({ status: 500, body: parsed }))
    }
  } finally {
    await lines.return?.()
  }
}

/** DECIMAL comes as a JSON number; the parser has kept those too long for a double as text. */
function toExactText(value: unknown, type: string): unknown {
  if (typeof value !== 'number') return value
  const scale = /^DECIMAL\(\d+, (\d+)\)$/.exec(type)?.[1]
  return scale === undefined ? value : value.toFixed(Number(scale))
}

async function readRejection(
  url: string,
  { status, lines }: HttpLines,
  locate: LocateInFile | undefined,
): Promise<CcsError> {
  const whole: string[] = []
  for await (const line of lines) whole.push(line)
  const body = parseJson(whole.join('\n'))
  const message = asText(asObject(body).message)
  if (message === '') return notAKsqlDb(url, { status })
  const code = Number(asObject(body).error_code) || 0
  return toStatementRejected(extractPlace({ status, code, message }), locate)
}
