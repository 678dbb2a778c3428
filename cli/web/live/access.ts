/**
 * Who may ask for what. Figures of the shop as a whole are for everybody who reaches the port;
 * single events and orders, queries, and everything that changes something want the token of the
 * data directory. Programs send it as `Authorization: Bearer`. A browser is given a cookie instead
 * that only lets the page read, once it has opened the address with the token.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import {
  CHALLENGE_HEADER,
  derivePageKey,
  PROOF_HEADER,
  proveToken,
} from '../../adapters/files/access-token.ts'
import { CcsError } from '../../domain/kernel/errors.ts'

/** Compares what clients send, in constant time. */
export class Access {
  readonly #token: string
  readonly #pageKey: string

  constructor(token: string) {
    this.#token = token
    this.#pageKey = derivePageKey(token)
  }

  isToken(text: string | undefined): boolean {
    return text !== undefined && isSame(text, this.#token)
  }

  /** Whether the request's Authorization header has the token; only then it may change anything. */
  hasToken(headers: Headers): boolean {
    return this.isToken(/^Bearer (.+)$/i.exec(headers.get('authorization') ?? '')?.[1])
  }

  /** Whether the request may read single events and orders. */
  mayReadAll(headers: Headers, port: number | undefined): boolean {
    if (this.hasToken(headers)) return true
    const cookies = (headers.get('cookie') ?? '').split(/;\s*/)
    const start = `${cookieName(port)}=`
    const own = cookies.find((one) => one.startsWith(start))
    return own !== undefined && isSame(own.slice(start.length), this.#pageKey)
  }

  /** The Set-Cookie header for a browser that has shown the token; it ends with the browser. */
  makeCookie(port: number | undefined): string {
    return `${cookieName(port)}=${this.#pageKey}; Path=/; HttpOnly; SameSite=Strict`
  }

  /** The header that answers a client's challenge; none if it sent none. */
  answerChallenge(headers: Headers): Readonly<Record<string, string>> {
    const challenge = headers.get(CHALLENGE_HEADER)
    return challenge === null ? {} : { [PROOF_HEADER]: proveToken(this.#token, challenge) }
  }
}

/** Browsers send a cookie to every port of a host, so each server has one of its own. */
function cookieName(port: number | undefined): string {
  return `ccs_page_${port}`
}

function isSame(one: string, other: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(one), hash(other))
}

/** The answer to a request without the token, or with another one; it is a 401. */
export function deniedError(what: string): CcsError {
  return new CcsError('CCS_ENGINE_DENIED', `${what} needs the token of the data directory.`, {
    hint:
      'Open the page at the address that ccs up or ccs dash prints, or send "Authorization: ' +
      'Bearer" with the text of the file access-token there. An older ccs does not know it: ' +
      'use the same ccs as the engine.',
  })
}
