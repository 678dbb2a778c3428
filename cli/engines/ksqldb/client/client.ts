/**
 * ksqlDB by its REST API (docs.confluent.io, "ksqlDB API Reference"): what the server is, what runs on it,
 * statements and queries.
 */
import { type HttpAnswer, httpClient } from '../../../adapters/http/http.ts'
import { sleep } from '../../../adapters/process/system-clock.ts'
import type { HttpServer } from '../../../domain/config/target.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { asObject } from '../../../domain/kernel/json.ts'
import { type Executed, type Execution, Statements } from '../compile/statements.ts'
import { busy, isPassing, reached, stranger } from './connection.ts'
import {
  type KsqlInfo,
  type KsqlQuery,
  type KsqlSource,
  readInfo,
  readQuery,
  readSource,
  records,
  text,
} from './query-service.ts'
import { openQuery, type QueryRequest, type QueryRows } from './query-stream.ts'
import { isBusy, readRefusal } from './server-error.ts'

export interface KsqlOptions {
  /** Of one request; the server itself takes some seconds to think about a statement. */
  readonly timeoutMs?: number
  /** How long a statement may take until it is carried out, and how long a server may start. */
  readonly patienceMs?: number
  /** Between two looks at what is not done yet. */
  readonly pollMs?: number
}

export interface KsqlHealth {
  readonly isHealthy: boolean
  /** Parts that are not: metastore, kafka, commandRunner. */
  readonly ailing: readonly string[]
}

export interface KsqlClient {
  readonly url: string
  info(): Promise<KsqlInfo>
  /** Waits while the server starts or is not there yet; CCS_ENGINE_UNREACHABLE when that takes too long. */
  ready(): Promise<KsqlInfo>
  health(): Promise<KsqlHealth>
  /**
   * One statement, until it is carried out. Statements wait for one another. Never repeated when it may have been
   * taken: CCS_ENGINE_UNREACHABLE then says that its fate is not known, and the state must be read anew.
   */
  execute(sql: string, options?: Execution): Promise<Executed>
  /** undefined: there is no stream or table of that name. */
  describe(name: string): Promise<KsqlSource | undefined>
  sources(): Promise<readonly KsqlSource[]>
  queries(): Promise<readonly KsqlQuery[]>
  /** Settings in force, by name without the prefix `ksql.streams.`. */
  properties(): Promise<Readonly<Record<string, string>>>
  /** A pull query, which ends, or a push query, which ends with the signal or when the loop is left. */
  query(sql: string, request?: QueryRequest): Promise<QueryRows>
}

/** Nothing is asked before the first call. */
export function openKsql(server: HttpServer, options: KsqlOptions = {}): KsqlClient {
  const { timeoutMs = 30_000, patienceMs = 120_000, pollMs = 250 } = options
  const http = httpClient(server, { timeoutMs, mediaType: MEDIA_TYPE })
  const once = httpClient(server, { timeoutMs, triesMax: 1, mediaType: MEDIA_TYPE })
  const { url } = http
  const statements = new Statements(http, once, { patienceMs, pollMs })
  const ask = async (sql: string) => (await statements.run(sql, {})).entities
  const info = async (client = http): Promise<KsqlInfo> =>
    infoOf(url, await reached(url, () => client.request('GET', '/info')))
  return {
    url,
    info: () => info(),
    ready: async () => {
      for (const end = Date.now() + patienceMs; ; await sleep(pollMs)) {
        try {
          return await info(once)
        } catch (error) {
          if (!isPassing(error) || Date.now() > end) throw error
        }
      }
    },
    health: async () => {
      const { body } = await reached(url, () => http.request('GET', '/healthcheck'))
      const { isHealthy, details } = asObject(body)
      const parts = Object.entries(asObject(details))
      const ailing = parts
        .filter(([, one]) => asObject(one).isHealthy !== true)
        .map(([name]) => name)
      return { isHealthy: isHealthy === true, ailing }
    },
    execute: (sql, execution = {}) => statements.run(sql, execution),
    describe: (name) => describe(name, ask),
    sources: async () => {
      const both = [...(await ask('LIST STREAMS EXTENDED')), ...(await ask('LIST TABLES EXTENDED'))]
      return both.flatMap((one) => records(one.sourceDescriptions)).map(readSource)
    },
    queries: async () => {
      const found = await ask('LIST QUERIES EXTENDED')
      return found.flatMap((one) => records(one.queryDescriptions)).map(readQuery)
    },
    properties: async () => {
      const [found] = await ask('LIST PROPERTIES')
      const all = records(found?.properties)
      return Object.fromEntries(all.map((one) => [text(one.name), text(one.value)]))
    },
    query: (sql, request = {}) => openQuery(http, sql, request),
  }
}

const MEDIA_TYPE = 'application/vnd.ksql.v1+json'

function infoOf(url: string, answer: HttpAnswer): KsqlInfo {
  const found = readInfo(answer.body)
  if (found === undefined)
    throw isBusy(readRefusal(answer)) ? busy(url, 'it is still starting') : stranger(url, answer)
  // Servers before 5.5 have no status.
  if (found.status !== '' && found.status !== 'RUNNING') throw busy(url, `it says ${found.status}`)
  return found
}

type Ask = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

async function describe(name: string, ask: Ask): Promise<KsqlSource | undefined> {
  try {
    const [found] = await ask(`DESCRIBE \`${name.replaceAll('`', '``')}\` EXTENDED`)
    return found && readSource(asObject(found.sourceDescription))
  } catch (error) {
    if (error instanceof CcsError && /Could not find/i.test(error.message)) return undefined
    throw error
  }
}
