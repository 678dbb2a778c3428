/**
 * Finds and calls an engine that runs in another process. A running engine writes its port to
 * engine.json in its data directory; a file that a killed engine left behind counts as no engine.
 * Queries and orders want the token of the data directory, which is sent only to a server that has
 * proved that it knows it: by now another program may listen on the port.
 */
import { randomBytes } from 'node:crypto'
import {
  accessTokenPath,
  CHALLENGE_HEADER,
  PROOF_HEADER,
  proveToken,
  readAccessToken,
} from '../../../adapters/files/access-token.ts'

import {
  type Files,
  isErrno,
  isSameDirectory,
  writeFileAtomic,
} from '../../../adapters/files/files.ts'
import { CcsError, ERROR_CODES, EXIT } from '../../../domain/kernel/errors.ts'
import type { QueryControl, QueryResult } from '../../../domain/sql/query-result.ts'

const ENDPOINT = 'engine.json'
const TIMEOUT_MS = 60_000

/** Announces this process as the engine of the data directory `root`, listening on `port`. */
export async function publishEndpoint(files: Files, root: string, port: number): Promise<void> {
  const document = JSON.stringify({ pid: process.pid, port })
  await writeFileAtomic(files, `${root}/${ENDPOINT}`, Buffer.from(`${document}\n`))
}

/** Withdraws the announcement; no error if there is none. */
export async function removeEndpoint(files: Files, root: string): Promise<void> {
  await files.remove(`${root}/${ENDPOINT}`)
}

/** How a client asks. */
export interface ClientControl extends QueryControl {
  /** How long to wait for the answer. */
  readonly waitMs?: number
}

/**
 * The engine's HTTP API. Calls time out, after a minute unless told otherwise, and throw
 * CCS_ENGINE_UNREACHABLE.
 */
export interface EngineClient {
  readonly url: string
  query(sql: string, control?: ClientControl): Promise<QueryResult>
  /** The path begins with a slash, such as `/status`. */
  get(path: string): Promise<unknown>
  post(path: string, body: unknown): Promise<unknown>
}

/** Undefined if no engine answers for this data directory. */
export async function findEngine(files: Files, root: string): Promise<EngineClient | undefined> {
  let port: number
  try {
    const text = (await files.readFile(`${root}/${ENDPOINT}`)).toString('utf8')
    port = Number((JSON.parse(text) as { port?: unknown }).port) // a wrong port just doesn't answer
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined
    throw error
  }
  const url = `http://127.0.0.1:${port}`
  const challenge = randomBytes(16).toString('base64url')
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const headers = { [CHALLENGE_HEADER]: challenge }
    const response = await fetch(`${url}/status`, { headers, signal })
    const status = (await response.json()) as { data?: unknown }
    // Not by its name: one of them may be a link to the other.
    if (!(await isSameDirectory(String(status.data), root))) return undefined
    const token = await readAccessToken(root)
    // An engine of an older ccs proves nothing, and needs no token.
    const isProved =
      token !== undefined && response.headers.get(PROOF_HEADER) === proveToken(token, challenge)
    return createClient({ url, root, token: isProved ? token : undefined })
  } catch {
    return undefined // nothing listens there, or another program does
  }
}

interface Server {
  readonly url: string
  readonly root: string
  readonly token: string | undefined
}

function createClient({ url, root, token }: Server): EngineClient {
  const call = async (path: string, init: RequestInit, waitMs = TIMEOUT_MS) => {
    let response: Response
    try {
      const timeout = AbortSignal.timeout(waitMs)
      const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout
      const headers = { ...init.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) }
      response = await fetch(`${url}${path}`, { ...init, headers, signal })
    } catch (error) {
      throw new CcsError('CCS_ENGINE_UNREACHABLE', `The engine at ${url} does not answer.`, {
        hint: 'Check whether it is still running: ccs status',
        cause: error,
      })
    }
    const document = (await response.json()) as {
      error?: { code?: string; message?: string; hint?: string }
    }
    if (response.ok) return document
    if (response.status === 401) throw deniedError(url, root)
    const { code, message, hint } = document.error ?? {}
    const known = ERROR_CODES.find((one) => one === code)
    const exit = response.status === 400 ? EXIT.usage : EXIT.unexpected
    throw new CcsError(
      known ?? 'CCS_UNEXPECTED',
      message ?? `The engine answered ${response.status}.`,
      // A known error ends as it does without an engine.
      { hint, ...(known ? {} : { exit }) },
    )
  }
  const post = (path: string, body: unknown, { signal, waitMs }: ClientControl = {}) =>
    call(
      path,
      {
        ...(signal ? { signal } : {}),
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      },
      waitMs,
    )
  return {
    url,
    get: (path) => call(path, {}),
    post: (path, body) => post(path, body),
    // The engine's own answer.
    query: async (sql, control = {}) => {
      const { timeoutMs, rowsMax } = control
      return (await post('/query', { sql, timeoutMs, rowsMax }, control)) as QueryResult
    },
  }
}

/** The engine knows another token than this process could read. */
function deniedError(url: string, root: string): CcsError {
  return new CcsError(
    'CCS_ENGINE_DENIED',
    `The engine at ${url} answers only who can read ${accessTokenPath(root)}.`,
    {
      hint:
        'Run the command as the user who runs the engine. If that file was changed or deleted, ' +
        'restart the engine.',
    },
  )
}
