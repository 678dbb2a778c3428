/**
 * JSON over HTTP. The one file that imports axios. It limits time and size, repeats requests that
 * are safe to repeat, and throws errors that contain neither credentials nor headers.
 */
import type { Readable } from 'node:stream'
import type { AxiosInstance, AxiosRequestConfig, AxiosResponse } from 'axios'
import type { HttpServer } from '../../domain/config/target.ts'
import { readErrno } from '../../domain/kernel/errno.ts'
import { isStringList } from '../../domain/kernel/json.ts'
import { splitLines } from '../../domain/kernel/lines.ts'
import { sleep } from '../process/system-clock.ts'

/** Methods of the APIs that ccs uses. */
export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'

/** Limits of a client's requests. */
export interface HttpOptions {
  /** For one attempt, from the connection to the last byte. */
  readonly timeoutMs?: number
  /** For all attempts together: none begins after it, and the last one is cut to fit. */
  readonly totalMs?: number
  /** Attempts of a repeatable request, the first included. */
  readonly triesMax?: number
  /** Wait after the first attempt; doubles each time, up to two seconds. */
  readonly waitMs?: number
  /** Answers that mean "try again later", besides 502, 503 and 504. */
  readonly busy?: (answer: HttpAnswer) => boolean
  /** For servers that want another type than application/json. */
  readonly mediaType?: string
}

/** What the server said, whatever the status. */
export interface HttpAnswer {
  readonly status: number
  /** Parsed if it is JSON, else the text. */
  readonly body: unknown
  /** The Date header. */
  readonly date?: string | undefined
  /** `name=value` of the cookies that the answer sets. */
  readonly cookies?: readonly string[]
}

/** What a request has besides its method and path. */
export interface RequestOptions {
  /** Sent as JSON; a form as multipart/form-data. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly isRepeatable?: boolean
  /** The answer's body is a Buffer, whatever its type. */
  readonly isBinary?: boolean
}

/** An answer that is read while it arrives. */
export interface HttpLines {
  readonly status: number
  /**
   * Lines without their ends; can be read once. Leaving the loop early closes the connection, and
   * so does the signal: the lines then end. Throws HttpFault if the server closes it midway.
   */
  readonly lines: AsyncIterable<string>
}

/** A POST whose answer is a stream of lines. */
export interface LinesRequest {
  readonly body?: unknown
  readonly accept?: string
  readonly signal?: AbortSignal
}

/** There is no answer: refused, unknown host, timeout. The message names the cause. */
export class HttpFault extends Error {
  /** Without credentials. */
  readonly url: string

  constructor(url: string, message: string) {
    super(message)
    this.name = 'HttpFault'
    this.url = url
  }
}

/** A client of one server. */
export interface HttpClient {
  /** The server's address without credentials. */
  readonly url: string
  readonly hasCredentials: boolean
  /** Repeats GET, PUT, DELETE, and the others if `isRepeatable`. Throws HttpFault. */
  request(method: Method, path: string, options?: RequestOptions): Promise<HttpAnswer>
  /** A POST whose answer may never end. Not repeated; timeoutMs is only for its head. */
  lines(path: string, request: LinesRequest): Promise<HttpLines>
}

const BYTES_MAX = 32 * 1024 * 1024
const WAIT_MAX_MS = 2_000

function isSafe(method: Method): boolean {
  return method !== 'POST' && method !== 'PATCH'
}

/** Connects to nothing before the first request. */
export function httpClient(server: HttpServer, options: HttpOptions = {}): HttpClient {
  const { timeoutMs = 10_000, triesMax = 4, waitMs = 200, busy, mediaType } = options
  const { totalMs = Number.POSITIVE_INFINITY } = options
  const address = parseAddress(server)
  let opened: Promise<AxiosInstance> | undefined
  const open = () => {
    opened ??= openAxios(address, timeoutMs, mediaType)
    return opened
  }
  const requestOnce = async (limitMs: number, request: AxiosRequestConfig): Promise<HttpAnswer> => {
    const axios = await open()
    try {
      // axios's own timeout begins with the connection and ends with the head of the answer.
      const signal = AbortSignal.timeout(limitMs)
      const answer: AxiosResponse<unknown> = await axios.request({ ...request, signal })
      const { date, 'set-cookie': cookies }: Record<string, unknown> = answer.headers
      return {
        status: answer.status,
        body: parseBody(answer.data),
        date: typeof date === 'string' ? date : undefined,
        ...(isStringList(cookies) ? { cookies: cookies.map(cutAttributes) } : {}),
      }
    } catch (error) {
      throw new HttpFault(address.url, describeCause(error, timeoutMs))
    }
  }
  return {
    url: address.url,
    hasCredentials: address.auth !== undefined,
    request: async (method, path, options = {}) => {
      const { body, headers = {}, isRepeatable = isSafe(method), isBinary } = options
      // axios adds the text that separates the parts of a form.
      const type = body instanceof FormData ? { 'content-type': 'multipart/form-data' } : {}
      const request = {
        ...{ method, url: path, headers: { ...headers, ...type } },
        ...(body === undefined ? {} : { data: body }),
        ...(isBinary ? { responseType: 'arraybuffer' as const } : {}),
      }
      const endMs = performance.now() + totalMs
      for (let tries = 1; ; tries++) {
        const pauseMs = Math.min(WAIT_MAX_MS, waitMs * 2 ** (tries - 1))
        const canRepeat = () =>
          isRepeatable && tries < triesMax && performance.now() + pauseMs < endMs
        try {
          const limitMs = Math.max(1, Math.min(timeoutMs, Math.ceil(endMs - performance.now())))
          const answer = await requestOnce(limitMs, request)
          const isBusy = [502, 503, 504].includes(answer.status) || busy?.(answer) === true
          if (!isBusy || !canRepeat()) return answer
        } catch (error) {
          if (!canRepeat()) throw error
        }
        await sleep(pauseMs)
      }
    },
    lines: async (path, request) =>
      requestLines(await open(), path, request, { ...address, timeoutMs }),
  }
}

async function requestLines(
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
      // The whole answer may have any length; a line may not.
      maxContentLength: Number.POSITIVE_INFINITY,
      signal: head.signal,
      ...(accept === undefined ? {} : { headers: { accept } }),
    })
    const toFault = (error: unknown) => new HttpFault(url, describeCause(error, timeoutMs))
    return {
      status,
      lines: readLines(data, { stop, isStopped: () => signal?.aborted === true, toFault }),
    }
  } catch (error) {
    throw new HttpFault(url, signal?.aborted ? 'it was cancelled' : describeCause(error, timeoutMs))
  } finally {
    clearTimeout(timer)
  }
}

async function* readLines(
  data: Readable,
  end: {
    readonly stop: () => void
    readonly isStopped: () => boolean
    readonly toFault: (error: unknown) => HttpFault
  },
): AsyncGenerator<string> {
  try {
    yield* splitLines(data, BYTES_MAX)
  } catch (error) {
    if (!end.isStopped()) throw end.toFault(error)
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

/** Takes credentials out of the address; those given beside it win. */
function parseAddress(server: HttpServer): Address {
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
    // A proxy from the environment can't reach this machine's loopback.
    ...(isLoopback ? { proxy: false as const } : {}),
  })
}

function cutAttributes(cookie: string): string {
  return cookie.split(';', 1)[0] ?? ''
}

function parseBody(data: unknown): unknown {
  if (typeof data !== 'string') return data
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}

/** The cause in words. The error itself holds the request with its headers, so it stays here. */
function describeCause(error: unknown, timeoutMs: number): string {
  if (error instanceof RangeError) return 'its answer is too long'
  const code = readErrno(error)
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name is unknown'
    case 'ECONNABORTED':
    case 'ETIMEDOUT':
    case 'ERR_CANCELED':
      return `no answer within ${timeoutMs / 1000} s`
    case 'ECONNRESET':
    case 'EPIPE':
      return 'it closed the connection'
    case 'ERR_BAD_RESPONSE':
      // axios has one code for both.
      return error instanceof Error && error.message.includes('aborted')
        ? 'it closed the connection'
        : 'its answer is too long'
    default:
      return code === undefined ? 'the request failed' : `the request failed (${code})`
  }
}
