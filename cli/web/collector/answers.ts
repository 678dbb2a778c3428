/** Answers of the collector: JSON with what a page of a listed origin needs to read it. */
import type { WholeAnswer } from '../../adapters/http/http-server.ts'
import type { CollectAnswer } from '../../domain/collector/collector.ts'
import type { CookieChange } from '../../domain/collector/visitor.ts'

/** Why a request is refused; nothing of it is kept. */
export class Refusal {
  readonly status: number
  readonly message: string
  /** After how many ms to try again. */
  readonly retryMs: number | undefined

  constructor(status: number, message: string, retryMs?: number) {
    this.status = status
    this.message = message
    this.retryMs = retryMs
  }
}

type HeaderMap = Record<string, string>

const COMMON: Readonly<HeaderMap> = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'cross-origin',
}

/** A client that was sent away comes back after a minute unless it is told otherwise. */
const RETRY_MS = 60_000
const COOKIE_SECONDS = 365 * 86_400

/** What of the request an answer depends on. */
export interface Asked {
  /** The page's origin, once it is allowed; undefined for requests that come from no page. */
  readonly origin: string | undefined
  readonly cookieName: string
}

/** Headers that let a page of this origin read the answer. */
export function allowOrigin(origin: string | undefined): HeaderMap {
  return origin === undefined
    ? {}
    : {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'retry-after',
        vary: 'origin',
      }
}

/** All of the request is durable. */
export function answerTaken(
  status: number,
  answer: CollectAnswer,
  cookie: CookieChange,
  asked: Asked,
): WholeAnswer {
  const headers = { ...COMMON, ...allowOrigin(asked.origin), ...setCookie(cookie, asked) }
  return { status, headers, body: JSON.stringify(answer) }
}

/** Nothing of the request is kept. */
export function answerRefusal({ status, message, retryMs }: Refusal, asked: Asked): WholeAnswer {
  const headers: HeaderMap = { ...COMMON, ...allowOrigin(asked.origin) }
  if (status === 413 || status === 429 || status === 503)
    headers['retry-after'] = String(Math.max(1, Math.ceil((retryMs ?? RETRY_MS) / 1000)))
  if (status === 401) headers['www-authenticate'] = 'Basic realm="write key"'
  // The rest of a body that nobody reads would be taken for the next request.
  if (status !== 429 && status !== 503) headers.connection = 'close'
  return { status, headers, body: JSON.stringify({ error: { message } }) }
}

/** The Set-Cookie header of a change; none where nothing changes. */
export function setCookie(cookie: CookieChange, { origin, cookieName }: Asked): HeaderMap {
  if (cookie === undefined) return {}
  const [value, seconds] = cookie === 'remove' ? ['', 0] : [cookie.set, COOKIE_SECONDS]
  const secure = origin?.startsWith('https:') ? '; Secure' : ''
  const rules = `Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`
  return { 'set-cookie': `${cookieName}=${value}; ${rules}` }
}

/** Any other document of the collector. */
export function answerJson(document: unknown, origin?: string): WholeAnswer {
  const headers = { ...COMMON, ...allowOrigin(origin) }
  return { status: 200, headers, body: JSON.stringify(document) }
}
