/**
 * Client of Flink's SQL Gateway (REST API v4): sessions, and statements one after another. A
 * statement is sent once and its result is fetched page by page; a page may be asked for again, a
 * statement is never sent again.
 */
import { httpClient } from '../../../adapters/http/http.ts'
import { sleep } from '../../../adapters/process/system-clock.ts'
import type { HttpServer } from '../../../domain/config/target.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { asList, asObject, asObjects } from '../../../domain/kernel/json.ts'
import { type FlinkServer, notThatServer, sendRequest } from './connection.ts'
import { type LocateInFile, readGatewayFault, StatementRefused } from './gateway-error.ts'

/** Time limits of a client. */
export interface GatewayOptions {
  /** Of one request, ms. */
  readonly timeoutMs?: number
  /** Pause between two questions whether a statement is done, ms. */
  readonly pollMs?: number
}

/** How one statement is sent. */
export interface StatementOptions {
  readonly locate?: LocateInFile
  /** Time until its last row, ms; then it is cancelled: CCS_ENGINE_UNREACHABLE. */
  readonly waitMaxMs?: number
}

/** What a statement gave. */
export interface StatementResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Values as JSON has them: times as texts. */
  readonly rows: readonly (readonly unknown[])[]
  /** The job that it started, if it started one. */
  readonly jobId: string | undefined
}

/** A session has its own tables, views and settings; they end with it. */
export interface GatewaySession {
  /** Runs a statement to its end; CCS_ENGINE_REFUSED says what is wrong, or why a job failed. */
  execute(sql: string, options?: StatementOptions): Promise<StatementResult>
  /** Never throws: a gateway ends idle sessions by itself. */
  close(): Promise<void>
}

/** One SQL Gateway. */
export interface FlinkGateway {
  readonly url: string
  /** Flink's version; CCS_ENGINE_UNREACHABLE if no gateway answers. */
  readVersion(): Promise<string>
  /** `properties` are any settings of Flink. */
  openSession(properties?: Readonly<Record<string, string>>): Promise<GatewaySession>
}

/** Opens a client; no request is sent before its first call. */
export function openGateway(server: HttpServer, options: GatewayOptions = {}): FlinkGateway {
  const { timeoutMs = 60_000, pollMs = 100 } = options
  const http = httpClient(server, { timeoutMs })
  const { url } = http
  const self: FlinkServer = {
    displayName: 'SQL Gateway',
    url,
    hint: 'Check flink.url of the target in ccs.yml; a gateway starts by: ccs stack up flink',
  }
  const send = async (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    locate?: LocateInFile,
  ): Promise<Readonly<Record<string, unknown>>> => {
    const request = () => http.request(method, path, body === undefined ? {} : { body })
    const answer = await sendRequest(self, request)
    if (answer.status === 200) return asObject(answer.body)
    // A JobManager reports paths that it does not know in the same form.
    const fault = answer.status === 404 ? undefined : readGatewayFault(answer)
    throw fault === undefined ? notThatServer(self, answer) : new StatementRefused(fault, locate)
  }
  return {
    url,
    readVersion: async () => {
      const { version } = await send('GET', '/v4/info')
      if (typeof version !== 'string') throw notThatServer(self, { status: 200 })
      return version
    },
    openSession: async (properties = {}) => {
      const { sessionHandle } = await send('POST', '/v4/sessions', { properties })
      if (typeof sessionHandle !== 'string') throw notThatServer(self, { status: 200 })
      const session = `/v4/sessions/${sessionHandle}`
      return {
        execute: (statement, how = {}) =>
          runStatement({ send, session, url, pollMs }, statement, how),
        close: async () => {
          await send('DELETE', session).catch(() => undefined)
        },
      }
    },
  }
}

interface Sender {
  readonly send: (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    locate?: LocateInFile,
  ) => Promise<Readonly<Record<string, unknown>>>
  /** Path of the session. */
  readonly session: string
  readonly url: string
  readonly pollMs: number
}

async function runStatement(
  { send, session, url, pollMs }: Sender,
  statement: string,
  { locate, waitMaxMs = Number.POSITIVE_INFINITY }: StatementOptions,
): Promise<StatementResult> {
  const started = await send('POST', `${session}/statements`, { statement }, locate)
  const operation = `${session}/operations/${String(started.operationHandle)}`
  const endMs = Date.now() + waitMaxMs
  const rows: (readonly unknown[])[] = []
  let columns: StatementResult['columns'] = []
  let jobId: string | undefined
  try {
    for (let next: unknown = `${operation}/result/0?rowFormat=JSON`; typeof next === 'string'; ) {
      const page = await send('GET', next, undefined, locate)
      const results = asObject(page.results)
      if (columns.length === 0) columns = asObjects(results.columns).map(readColumn)
      const found = asObjects(results.data).map(({ fields }) => asList(fields))
      for (const row of found) rows.push(row)
      if (typeof page.jobID === 'string') jobId = page.jobID
      if (page.resultType === 'EOS') break
      next = page.nextResultUri
      if (Date.now() > endMs) throw tooSlowError(url, waitMaxMs)
      if (found.length === 0) await sleep(pollMs)
    }
  } finally {
    // Ends what still runs, and frees what the gateway holds of the result.
    await send('DELETE', `${operation}/close`).catch(() => undefined)
  }
  return { columns, rows, jobId }
}

function readColumn(column: Readonly<Record<string, unknown>>): {
  readonly name: string
  readonly type: string
} {
  return { name: String(column.name), type: String(asObject(column.logicalType).type) }
}

function tooSlowError(url: string, waitMaxMs: number): CcsError {
  return new CcsError(
    'CCS_ENGINE_UNREACHABLE',
    `The SQL Gateway at ${url} has not executed the statement within ${waitMaxMs / 1000} s.`,
    { hint: 'The statement was cancelled. Give the gateway more memory and processors, or wait.' },
  )
}
