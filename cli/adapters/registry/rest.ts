/**
 * One request to a schema registry, over our own HTTP client. Confluent's package is the checked
 * counterpart in tests, not the client: it answers from caches that outlive a change made by
 * somebody else, lacks several endpoints, and costs half a CPU second to import (ADR 15).
 */

import type { HttpServer } from '../../domain/config/target.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { asObject } from '../../domain/kernel/json.ts'
import {
  type HttpAnswer,
  type HttpClient,
  HttpFault,
  httpClient,
  type Method,
} from '../http/http.ts'

/** What the registry said. `date` is the HTTP header of that name. */
export type RegistryAnswer =
  | { readonly ok: true; readonly data: unknown; readonly date: string | undefined }
  /** `code` is the registry's own (40401, 409, 42201 …); -1 if another server answered. */
  | {
      readonly ok: false
      readonly status: number
      readonly code: number
      readonly message: string
    }

/** Limits of a request. */
export interface RestOptions {
  /** For a request with all its retries. */
  readonly timeoutMs?: number
}

/** A schema registry's REST API. */
export interface RegistryRest {
  /** The registry's address, without credentials. */
  readonly url: string
  /**
   * `path` is below the registry's address, or a whole URL. Every request is repeated after a
   * failed connection or a 5xx, because sending it twice does no harm. Throws
   * CCS_REGISTRY_UNREACHABLE or CCS_REGISTRY_DENIED if there is no usable answer.
   */
  send(method: Method, path: string, body?: unknown): Promise<RegistryAnswer>
}

const TIMEOUT_MS = 10_000

/** Sends nothing before the first call. */
export function openRest(
  server: HttpServer,
  { timeoutMs = TIMEOUT_MS }: RestOptions = {},
): RegistryRest {
  const http = httpClient(server, { timeoutMs, totalMs: timeoutMs, busy: isBusy })
  return {
    url: http.url,
    send: async (method, path, body) => {
      try {
        return readAnswer(http, await http.request(method, path, { body, isRepeatable: true }))
      } catch (error) {
        throw error instanceof HttpFault ? unreachable(http.url, error.message) : error
      }
    },
  }
}

function isBusy({ status }: HttpAnswer): boolean {
  return status === 408 || status === 429 || status >= 500
}

function readAnswer({ url, hasCredentials }: HttpClient, answer: HttpAnswer): RegistryAnswer {
  const { status, body, date } = answer
  if (status >= 200 && status < 300) return { ok: true, data: body, date }
  if (status === 401 || status === 403) throw deniedError(status, { url, hasCredentials })
  const { error_code: errorCode, message } = asObject(body)
  const isOwn = typeof errorCode === 'number' && typeof message === 'string'
  if (isBusy(answer)) throw unreachable(url, `it answers ${status}${isOwn ? `: ${message}` : ''}`)
  return { ok: false, status, code: isOwn ? errorCode : -1, message: isOwn ? message : 'no reason' }
}

/** Without a cause: it would hold the request, and that the password. */
function unreachable(url: string, reason: string): CcsError {
  return new CcsError('CCS_REGISTRY_UNREACHABLE', `The schema registry ${url}: ${reason}.`, {
    hint: "Start it, or fix the target's registry.url in ccs.yml.",
  })
}

function deniedError(
  status: number,
  { url, hasCredentials }: Pick<HttpClient, 'url' | 'hasCredentials'>,
): CcsError {
  const what = hasCredentials
    ? `refuses the target's credentials (HTTP ${status})`
    : `asks for credentials (HTTP ${status}), and the target has none`
  return new CcsError('CCS_REGISTRY_DENIED', `The schema registry ${url} ${what}.`, {
    hint: "Set the target's registry.username and registry.password in ccs.yml, as ${VAR}s.",
  })
}

/** The error for an answer that a schema registry would not give. */
export function unexpectedAnswer(url: string, what: string): CcsError {
  return new CcsError('CCS_REGISTRY_REFUSED', `The schema registry ${url} ${what}.`, {
    hint:
      "Check the end of the target's registry.url: http://host:8081 (Confluent), " +
      'http://host:8080/apis/ccompat/v7 (Apicurio).',
  })
}
