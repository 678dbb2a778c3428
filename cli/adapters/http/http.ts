/**
 * HTTP with JSON to a server that ccs works with. The one file that imports axios: limits on time and size,
 * repeats of requests that may be repeated, and faults that hold neither credentials nor headers.
 */
import type { Readable } from 'node:stream'
import type { AxiosInstance, AxiosResponse } from 'axios'
import type { HttpServer } from '../../domain/config/target.ts'
import { splitLines } from '../../domain/kernel/lines.ts'
import { sleep } from '../process/system-clock.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

export interface HttpOptions {
  /** Of one try, from the connection to the last byte. */
  readonly timeoutMs?: number
  /** Tries of a request that may be repeated, the first included. */
  readonly triesMax?: number
  /** Between the first two tries; doubles from try to try, up to two seconds. */
  readonly waitMs?: number
  /** Answers that say "not now", which are repeated beside 502, 503 and 504. */
  readonly busy?: (answer: HttpAnswer) => boolean
  /** Of requests and answers where a server wants another than application/json. */
  readonly mediaType?: string
}

/** Whatever the server said, errors of its own included. */
export interface HttpAnswer {
  readonly status: number
  /** Parsed where it is JSON, else the text. */
  readonly body: unknown
}

/** An answer that is read while it comes. */
export interface HttpLines {
  readonly status: number
  /**
   * Line by line, without their ends; may be gone through once. Leaving the loop early breaks the connection
   * off, and so does the signal: lines then end. Throws HttpFault when the server breaks it off.
   */
  readonly lines: AsyncIterable<string>
}

export interface LinesRequest {
  readonly body?: unknown
  readonly accept?: string
  readonly signal?: AbortSignal
}

/** No answer came: refused, unknown host, timeout, broken off. The message names the cause, the URL is bare. */
export class HttpFault extends Error {
  readonly url: string

  constructor(url: string, message: string) {
    super(message)
    this.name = 'HttpFault'
    this.url = url
  }
}

export interface HttpClient {
  /** The server's address without credentials. */
  readonly url: string
  /** Repeats what may be repeated: GET, PUT and DELETE, and POST when it says so. Throws HttpFault. */
  request(
    method: Method,
    path: string,
    options?: { readonly body?: unknown; readonly isRepeatable?: boolean },
  ): Promise<HttpAnswer>
  /** A POST whose answer may go on for ever. Not repeated; timeoutMs is for its head only. */
  lines(path: string, request: LinesRequest): Promise<HttpLines>
}

const BYTES_MAX = 32 * 1024 * 1024
const WAIT_MAX_MS = 2_000

export function httpClient(server: HttpServer, options: HttpOptions = {}): HttpClient {
  const { timeoutMs = 10_000, triesMax = 4, waitMs = 200, busy, mediaType } = options
  const address = addressOf(server)
  let opened: Promise<AxiosInstance> | undefined
  const open = () => {
    opened ??= openAxios(address, timeoutMs, mediaType)
    return opened
  }
  const once = async (method: Method, path: string, body: unknown): Promise<HttpAnswer> => {
    const axios = await open()
    try {
      const { status, data }: AxiosResponse<unknown> = await axios.request({
        method,
        url: path,
        // axios's own timeout begins with the connection and ends with the head of the answer.
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { data: body }),
      })
      return { status, body: parsed(data) }
    } catch (error) {
      throw new HttpFault(address.url, causeOf(error, timeoutMs))
    }
  }
  return {
    url: address.url,
    request: async (method, path, { body, isRepeatable = method !== 'POST' } = {}) => {
      for (let tries = 1; ; tries++) {
        const isLast = !isRepeatable || tries >= triesMax
        try {
          const answer = await once(method, path, body)
          const isBusy = [502, 503, 504].includes(answer.status) || busy?.(answer) === true
          if (isLast || !isBusy) return answer
        } catch (error) {
          if (isLast) throw error
        }
        await sleep(Math.min(WAIT_MAX_MS, waitMs * 2 ** (tries - 1)))
      }
    },
    lines: async (path, request) =>
      askLines(await open(), path, request, { ...address, timeoutMs }),
  }
}

async function askLines(
  axios: AxiosInstance,
  path: string,
  { body, accept, signal }: LinesRequest,
  { url, timeoutMs }: { readonly url: string; readonly timeoutMs: number },
): Promise<HttpLines> {
  const head = new AbortController()
  const timer = setTimeout(() => head.abort(), timeoutMs)
  const stop = () => head.abort()
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted) stop()
  try {
    const { status, data }: AxiosResponse<Readable> = await axios.post(path, body, {
      responseType: 'stream',
      timeout: 0,
      // The whole may be of any length; a line may not.
      maxContentLength: Number.POSITIVE_INFINITY,
      signal: head.signal,
      ...(accept === undefined ? {} : { headers: { accept } }),
    })
    const faultOf = (error: unknown) => new HttpFault(url, causeOf(error, timeoutMs))
    return {
      status,
      lines: readLines(data, { stop, isStopped: () => signal?.aborted === true, faultOf }),
    }
  } catch (error) {
    throw new HttpFault(url, signal?.aborted ? 'it was called off' : causeOf(error, timeoutMs))
  } finally {
    clearTimeout(timer)
  }
}

async function* readLines(
  data: Readable,
  end: {
    readonly stop: () => void
    readonly isStopped: () => boolean
    readonly faultOf: (error: unknown) => HttpFault
  },
): AsyncGenerator<string> {
  try {
    yield* splitLines(data, BYTES_MAX)
  } catch (error) {
    if (!end.isStopped()) throw end.faultOf(error)
  } finally {
    // Destroying the stream alone would leave the connection to the server open.
    end.stop()
  }
}

interface Address {
  readonly url: string
  readonly isLoopback: boolean
  readonly auth: { readonly username: string; readonly password: string } | undefined
}

/** Credentials in an address count as given, and leave it. */
function addressOf(server: HttpServer): Address {
  const url = new URL(server.url)
  const username = server.username ?? decodeURIComponent(url.username)
  const password = server.password ?? decodeURIComponent(url.password)
  url.username = ''
  url.password = ''
  return {
    url: url.toString().replace(/\/+$/, ''),
    isLoopback: /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname),
    auth: username === '' ? undefined : { username, password },
  }
}

async function openAxios(
  { url, auth, isLoopback }: Address,
  timeoutMs: number,
  mediaType = 'application/json',
) {
  const { default: axios } = await import('axios')
  return axios.create({
    baseURL: url,
    timeout: timeoutMs,
    maxContentLength: BYTES_MAX,
    maxRedirects: 3,
    responseType: 'text',
    transformResponse: (text: unknown) => text,
    validateStatus: () => true,
    headers: { accept: mediaType, 'content-type': mediaType },
    ...(auth ? { auth } : {}),
    // A proxy of the environment does not know this machine's loopback.
    ...(isLoopback ? { proxy: false as const } : {}),
  })
}

function parsed(data: unknown): unknown {
  if (typeof data !== 'string') return data
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}

/** In words; the error itself holds the request with its headers and stays here. */
function causeOf(error: unknown, timeoutMs: number): string {
  if (error instanceof RangeError) return 'its answer is too long'
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its host is not known'
    case 'ECONNABORTED':
    case 'ETIMEDOUT':
    case 'ERR_CANCELED':
      return `no answer within ${timeoutMs / 1000} s`
    case 'ECONNRESET':
    case 'EPIPE':
      return 'it broke the connection off'
    case 'ERR_BAD_RESPONSE':
      // One code of axios for both.
      return error instanceof Error && error.message.includes('aborted')
        ? 'it broke the connection off'
        : 'its answer is too long'
    default:
      return code === '' ? 'the request failed' : `the request failed (${code})`
  }
}
