/**
 * One request to a schema registry: authentication, time-out, retries, and foreign errors made ours. It is
 * the REST service of Confluent's package, without the package's client: that one answers from caches which
 * outlive a change made by somebody else, knows but half of the endpoints, and costs a second to import.
 */

import type { HttpServer } from '../../domain/config/target.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export type Answer =
  | { readonly ok: true; readonly data: unknown; readonly date: string | undefined }
  /** It understood, and says no; `code` is its own (40401, 409, 42201 …), -1 when it gave none. */
  | {
      readonly ok: false
      readonly status: number
      readonly code: number
      readonly message: string
    }

export interface RestOptions {
  /** For a request with all its retries. */
  readonly timeoutMs?: number
}

export interface Rest {
  /** Where it is, without credentials. */
  readonly url: string
  /**
   * `path` below the registry's address, or a whole address. Everything is tried again after a failed
   * connection or a 5xx: all that a registry is asked for may be asked twice. CCS_REGISTRY_UNREACHABLE or
   * CCS_REGISTRY_DENIED for what is no answer.
   */
  send(method: Method, path: string, body?: unknown): Promise<Answer>
}

const TIMEOUT_MS = 10_000
const RETRIES = 4
const RETRY_FIRST_MS = 250
const RETRY_MAX_MS = 2_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

export async function openRest(server: HttpServer, options: RestOptions = {}): Promise<Rest> {
  const { RestService } = await import('@confluentinc/schemaregistry/dist/rest-service.js')
  const { url, credentials } = addressOf(server)
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const limits = {
    timeout: timeoutMs,
    maxContentLength: ANSWER_BYTES_MAX,
    maxBodyLength: ANSWER_BYTES_MAX,
  }
  const auth =
    credentials === undefined
      ? undefined
      : ({ credentialsSource: 'USER_INFO', userInfo: credentials } as const)
  const service = new RestService(
    [url],
    false,
    limits,
    auth,
    undefined,
    RETRIES,
    RETRY_FIRST_MS,
    RETRY_MAX_MS,
  )
  return {
    url,
    send: async (method, path, body) => {
      try {
        const { data, headers } = await service.handleRequest<unknown>(path, method, body)
        const date: unknown = headers.date
        return { ok: true, data, date: typeof date === 'string' ? date : undefined }
      } catch (error) {
        return answerOf(error, { url, timeoutMs, hasCredentials: credentials !== undefined })
      }
    },
  }
}

/** The address without what is secret in it, and `user:password`. */
function addressOf(server: HttpServer): { url: string; credentials: string | undefined } {
  const url = new URL(server.url)
  const username = server.username ?? decodeURIComponent(url.username)
  const password = server.password ?? decodeURIComponent(url.password)
  url.username = ''
  url.password = ''
  return {
    url: url.href.replace(/\/+$/, ''),
    credentials: username === '' ? undefined : `${username}:${password}`,
  }
}

interface Asked {
  readonly url: string
  readonly timeoutMs: number
  readonly hasCredentials: boolean
}

function answerOf(error: unknown, asked: Asked): Answer {
  if (!(error instanceof Error)) throw error
  const message = error.message.replace(/; Error code: -?\d+$/, '')
  // The service's RestError: there was an answer, and it was not 2xx.
  if ('errorCode' in error && 'status' in error) {
    const [status, code] = [Number(error.status), Number(error.errorCode)]
    if (status === 401 || status === 403) throw refusedCredentials(status, asked)
    if (status === 408 || status === 429 || status >= 500)
      throw unreachable(asked, `it answers ${status}${code > 0 ? `: ${message}` : ''}`)
    return { ok: false, status, code, message }
  }
  throw unreachable(asked, reasonOf(error, message, asked.timeoutMs))
}

function reasonOf(error: Error, message: string, timeoutMs: number): string {
  const code = 'code' in error ? String(error.code) : ''
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name of the host is unknown'
    case 'ECONNABORTED':
    case 'ETIMEDOUT':
      return `no answer within ${timeoutMs / 1000} s`
    default:
      return [message, code].filter((one) => one !== '').join(', ')
  }
}

/** Without the cause: axios keeps the request in it, and the password in the request. */
function unreachable({ url }: Asked, reason: string): CcsError {
  return new CcsError('CCS_REGISTRY_UNREACHABLE', `The schema registry ${url}: ${reason}.`, {
    exit: EXIT.unreachable,
    hint: "Start it, or mend the target's registry.url in ccs.yml.",
  })
}

function refusedCredentials(status: number, { url, hasCredentials }: Asked): CcsError {
  const what = hasCredentials
    ? `refuses the target's credentials (HTTP ${status})`
    : `asks for credentials (HTTP ${status}), and the target has none`
  return new CcsError('CCS_REGISTRY_DENIED', `The schema registry ${url} ${what}.`, {
    exit: EXIT.unreachable,
    hint: "Set the target's registry.username and registry.password in ccs.yml, as ${VAR}s.",
  })
}

/** For an answer that is not what a schema registry says to this. */
export function refused(url: string, what: string): CcsError {
  return new CcsError('CCS_REGISTRY_REFUSED', `The schema registry ${url} ${what}.`, {
    exit: EXIT.unreachable,
    hint: "The target's registry.url ends as the product wants: http://host:8081 (Confluent), http://host:8080/apis/ccompat/v7 (Apicurio).",
  })
}
