/**
 * Kafka Connect by its REST API (kafka.apache.org, "Connect REST API"). While its workers
 * rebalance they answer 409, which passes by itself, so such requests are repeated.
 */

import type { HttpServer } from '../../domain/config/target.ts'
import type {
  ConnectCluster,
  ConnectorOffset,
  ConnectorState,
} from '../../domain/connectors/connect-cluster.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { isObject } from '../../domain/kernel/json.ts'
import {
  type HttpAnswer,
  type HttpClient,
  HttpFault,
  httpClient,
  type Method,
} from '../http/http.ts'

/** Limits of a request. */
export interface ConnectOptions {
  /** For one request. Validating some connectors makes Connect ask other servers. */
  readonly timeoutMs?: number
  readonly triesMax?: number
}

/** Sends nothing before the first call. */
export function connectRest(server: HttpServer, options: ConnectOptions = {}): ConnectCluster {
  const { timeoutMs = 30_000, triesMax = 8 } = options
  const busy = ({ status }: HttpAnswer) => status === 409
  const http = httpClient(server, { timeoutMs, triesMax, busy })
  const ask = createAsk(http)
  const at = (name: string, rest = '') => `/connectors/${encodeURIComponent(name)}${rest}`
  return {
    readServerInfo: async () => {
      const { version, kafka_cluster_id: cluster } = record(await ask('GET', '/'))
      if (typeof version !== 'string') throw notConnectError(http.url)
      return { url: http.url, version, ...(typeof cluster === 'string' ? { cluster } : {}) }
    },
    plugins: async () => {
      const all = list(await ask('GET', '/connector-plugins?connectorsOnly=false'), http.url)
      return [...new Set(all.map((one) => text(record(one).class)))].filter((one) => one !== '')
    },
    connectors: async () => {
      const all = record(await ask('GET', '/connectors?expand=info&expand=status'), http.url)
      return Object.entries(all)
        .map(([name, one]) => readState(name, record(one)))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    validate: async (config) => {
      const { 'connector.class': wanted = '' } = config
      if (wanted === '') return [{ key: 'connector.class', fault: 'is missing' }]
      const path = `/connector-plugins/${encodeURIComponent(wanted)}/config/validate`
      const answer = await send(http, 'PUT', path, { body: config })
      if (/Failed to find any class|No such connector/i.test(readMessage(answer)))
        return [{ key: 'connector.class', fault: `The cluster has no ${wanted}.` }]
      throwOnError(http.url, answer, config.name)
      return list(record(answer.body).configs, http.url).flatMap((one) => {
        const value = record(record(one).value)
        const faults = Array.isArray(value.errors) ? value.errors : []
        return faults.map((fault) => ({ key: text(value.name), fault: String(fault) }))
      })
    },
    put: async (name, config) => {
      await ask('PUT', at(name, '/config'), { body: config, name })
    },
    pause: async (name) => {
      await ask('PUT', at(name, '/pause'), { name })
    },
    resume: async (name) => {
      await ask('PUT', at(name, '/resume'), { name })
    },
    restart: async (name) => {
      const path = at(name, '/restart?includeTasks=true&onlyFailed=true')
      await ask('POST', path, { name, isRepeatable: true })
    },
    remove: async (name) => {
      const answer = await send(http, 'DELETE', at(name))
      if (answer.status !== 404) throwOnError(http.url, answer, name)
    },
    offsets: async (name) => {
      const answer = record(await ask('GET', at(name, '/offsets'), { name }))
      return list(answer.offsets, http.url).flatMap((one) => readOffset(record(one)))
    },
  }
}

interface AskOptions {
  readonly body?: unknown
  readonly isRepeatable?: boolean
  /** The connector that the request is about, for error messages. */
  readonly name?: string
}

type Ask = (method: Method, path: string, options?: AskOptions) => Promise<unknown>

function createAsk(http: HttpClient): Ask {
  return async (method, path, { name, ...request } = {}) => {
    const answer = await send(http, method, path, request)
    throwOnError(http.url, answer, name)
    return answer.body
  }
}

async function send(
  http: HttpClient,
  method: Method,
  path: string,
  request: { readonly body?: unknown; readonly isRepeatable?: boolean } = {},
): Promise<HttpAnswer> {
  try {
    const answer = await http.request(method, path, request)
    if (answer.status === 401 || answer.status === 403)
      throw unreachable(`Kafka Connect at ${http.url} refuses the credentials.`, undefined, LOGIN)
    return answer
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    throw unreachable(`Kafka Connect does not answer at ${http.url}: ${error.message}.`, error)
  }
}

const LOGIN = 'Set connect.username and connect.password of the target in ccs.yml, as ${VAR}.'

/** Throws if the answer is an error. */
function throwOnError(url: string, answer: HttpAnswer, name: string | undefined): void {
  if (answer.status >= 200 && answer.status < 300) return
  const message = readMessage(answer)
  if (answer.status === 404 && name !== undefined && message !== '')
    throw new CcsError('CCS_CONNECTOR_MISSING', `Kafka Connect has no connector ${name}.`, {
      hint: 'See those that it has: ccs sink ls',
    })
  if (answer.status === 400 && name !== undefined)
    throw new CcsError('CCS_CONNECTOR_INVALID', `Kafka Connect rejects ${name}: ${message}`)
  if (message === '') throw notConnectError(url)
  throw unreachable(`Kafka Connect at ${url} answered ${answer.status}: ${message}`)
}

function notConnectError(url: string): CcsError {
  return unreachable(`What answers at ${url} is no Kafka Connect.`)
}

function unreachable(message: string, cause?: unknown, hint?: string): CcsError {
  return new CcsError('CCS_CONNECT_UNREACHABLE', message, {
    hint: hint ?? 'Look at connect.url of the target in ccs.yml.',
    cause,
  })
}

function readMessage({ body }: HttpAnswer): string {
  return text(record(body).message)
    .replace(/\s*You can also find the above list of errors.*$/s, '')
    .trim()
}

function readState(name: string, one: Readonly<Record<string, unknown>>): ConnectorState {
  const status = record(one.status)
  const connector = record(status.connector)
  const config = Object.entries(record(record(one.info).config))
  const tasks = Array.isArray(status.tasks) ? status.tasks.map((task) => record(task)) : []
  return {
    name,
    // A new connector has no status yet.
    state: text(connector.state) || 'UNASSIGNED',
    ...readFault(connector),
    tasks: tasks.map((task) => ({
      id: Number(task.id),
      state: text(task.state),
      ...readFault(task),
    })),
    config: Object.fromEntries(config.map(([key, value]) => [key, String(value)])),
  }
}

const CAUSES_MAX = 6

/** The first line of a trace and those of its causes: the last cause usually says what is wrong. */
function readFault(one: Readonly<Record<string, unknown>>): { readonly fault?: string } {
  const lines = text(one.trace).split('\n')
  const [first = '', ...rest] = lines
  if (first === '') return {}
  const causes = rest.filter((line) => /^Caused by: /.test(line)).slice(-CAUSES_MAX)
  return { fault: [first, ...causes].map((line) => line.trim().slice(0, 500)).join('\n') }
}

function readOffset(one: Readonly<Record<string, unknown>>): readonly ConnectorOffset[] {
  const partition = record(one.partition)
  const topic = text(partition.kafka_topic)
  if (topic === '') return [] // A source connector's offset has another shape.
  const committed = record(one.offset).kafka_offset
  return [
    {
      topic,
      partition: Number(partition.kafka_partition),
      committed: typeof committed === 'number' ? committed : null,
    },
  ]
}

/** An object in an answer; with `url`, anything else means that this is not Kafka Connect. */
function record(value: unknown, url?: string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value
  if (url !== undefined) throw notConnectError(url)
  return {}
}

function list(value: unknown, url: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw notConnectError(url)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
