/**
 * Client of ksqlDB's REST API (docs.confluent.io, "ksqlDB API Reference"): information about the
 * server, statements and queries.
 */
import { type HttpAnswer, httpClient } from '../../../adapters/http/http.ts'
import { sleep } from '../../../adapters/process/system-clock.ts'
import type { HttpServer } from '../../../domain/config/target.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { asObject } from '../../../domain/kernel/json.ts'
import { isTemporary, notAKsqlDb, notReadyError, sendRequest } from './connection.ts'
import { openQuery, type QueryRequest, type QueryRows } from './query-stream.ts'
import {
  asObjects,
  asText,
  type KsqlInfo,
  type KsqlQuery,
  type KsqlSource,
  readInfo,
  readQuery,
  readSource,
} from './server-answers.ts'
import { isServerBusy, readServerError } from './server-error.ts'
import { type StatementOptions, type StatementResult, StatementRunner } from './statement-runner.ts'

/** Time limits of a client. */
export interface KsqlOptions {
  /** Of one request; the server itself needs some seconds for a statement. */
  readonly timeoutMs?: number
  /** Time that a statement may take until it is executed, and that a server may take to start. */
  readonly waitMaxMs?: number
  /** Pause between two questions whether it is done. */
  readonly pollMs?: number
}

/** The answer of /healthcheck. */
export interface KsqlHealth {
  readonly isHealthy: boolean
  /** Components that are not healthy: metastore, kafka, commandRunner. */
  readonly unhealthy: readonly string[]
}

/** One ksqlDB server. */
export interface KsqlClient {
  readonly url: string
  info(): Promise<KsqlInfo>
  /** Waits until the server has started; CCS_ENGINE_UNREACHABLE if that takes too long. */
  awaitReady(): Promise<KsqlInfo>
  health(): Promise<KsqlHealth>
  /**
   * Sends one statement and waits until the server has executed it; statements wait for one
   * another. One that the server may have accepted is never sent again: on CCS_ENGINE_UNREACHABLE
   * it may or may not have been executed, and the state must be read again.
   */
  execute(sql: string, options?: StatementOptions): Promise<StatementResult>
  /** Undefined if there is no stream or table of that name. */
  describe(name: string): Promise<KsqlSource | undefined>
  sources(): Promise<readonly KsqlSource[]>
  queries(): Promise<readonly KsqlQuery[]>
  /** Settings in force, by name without the prefix `ksql.streams.`. */
  properties(): Promise<Readonly<Record<string, string>>>
  /** A pull query ends by itself; a push query by the signal or when its loop is left. */
  query(sql: string, request?: QueryRequest): Promise<QueryRows>
}

/** Opens a client; no request is sent before its first call. */
export function openKsql(server: HttpServer, options: KsqlOptions = {}): KsqlClient {
  const { timeoutMs = 30_000, waitMaxMs = 120_000, pollMs = 250 } = options
  const http = httpClient(server, { timeoutMs, mediaType: MEDIA_TYPE })
  const once = httpClient(server, { timeoutMs, triesMax: 1, mediaType: MEDIA_TYPE })
  const { url } = http
  const statements = new StatementRunner(http, once, { waitMaxMs, pollMs })
  const runForEntities = async (sql: string) => (await statements.run(sql, {})).entities
  const info = async (client = http): Promise<KsqlInfo> =>
    requireInfo(url, await sendRequest(url, () => client.request('GET', '/info')))
  return {
    url,
    info: () => info(),
    awaitReady: async () => {
      for (const end = Date.now() + waitMaxMs; ; await sleep(pollMs)) {
        try {
          return await info(once)
        } catch (error) {
          if (!isTemporary(error) || Date.now() > end) throw error
        }
      }
    },
    health: async () => {
      const { body } = await sendRequest(url, () => http.request('GET', '/healthcheck'))
      const { isHealthy, details } = asObject(body)
      const parts = Object.entries(asObject(details))
      const ailing = parts
        .filter(([, one]) => asObject(one).isHealthy !== true)
        .map(([name]) => name)
      return { isHealthy: isHealthy === true, unhealthy: ailing }
    },
    execute: (sql, execution = {}) => statements.run(sql, execution),
    describe: (name) => describe(name, runForEntities),
    sources: async () => {
      const streams = await runForEntities('LIST STREAMS EXTENDED')
      const both = [...streams, ...(await runForEntities('LIST TABLES EXTENDED'))]
      return both.flatMap((one) => asObjects(one.sourceDescriptions)).map(readSource)
    },
    queries: async () => {
      const found = await runForEntities('LIST QUERIES EXTENDED')
      return found.flatMap((one) => asObjects(one.queryDescriptions)).map(readQuery)
    },
    properties: async () => {
      const [found] = await runForEntities('LIST PROPERTIES')
      const all = asObjects(found?.properties)
      return Object.fromEntries(all.map((one) => [asText(one.name), asText(one.value)]))
    },
    query: (sql, request = {}) => openQuery(http, sql, request),
  }
}

const MEDIA_TYPE = 'application/vnd.ksql.v1+json'

function requireInfo(url: string, answer: HttpAnswer): KsqlInfo {
  const found = readInfo(answer.body)
  if (found === undefined)
    throw isServerBusy(readServerError(answer))
      ? notReadyError(url, 'it is still starting')
      : notAKsqlDb(url, answer)
  // Servers before 5.5 have no status.
  if (found.status !== '' && found.status !== 'RUNNING')
    throw notReadyError(url, `it says ${found.status}`)
  return found
}

type RunForEntities = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

async function describe(name: string, run: RunForEntities): Promise<KsqlSource | undefined> {
  try {
    const [found] = await run(`DESCRIBE \`${name.replaceAll('`', '``')}\` EXTENDED`)
    return found && readSource(asObject(found.sourceDescription))
  } catch (error) {
    if (error instanceof CcsError && /Could not find/i.test(error.message)) return undefined
    throw error
  }
}
