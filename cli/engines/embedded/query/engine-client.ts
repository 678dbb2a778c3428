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
import { readProcessStart } from '../../../adapters/process/process-start.ts'
import { sleep } from '../../../adapters/process/system-clock.ts'
import { CcsError, ERROR_CODES, EXIT } from '../../../domain/kernel/errors.ts'
import { asObject } from '../../../domain/kernel/json.ts'
import { DOOR_HEADER, OWN_DOOR } from '../../../domain/monitoring/history.ts'
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
  get(path: string, signal?: AbortSignal): Promise<unknown>
  post(path: string, body: unknown): Promise<unknown>
}

/**
 * Undefined if no engine answers for this data directory. CCS_ENGINE_UNREACHABLE if the process of
 * one is stopped, as by SIGSTOP: it would not answer, and what it has read is newer than the lake.
 */
export async function findEngine(files: Files, root: string): Promise<EngineClient | undefined> {
  let pid: number
  let port: number
  try {
    const text = (await files.readFile(`${root}/${ENDPOINT}`)).toString('utf8')
    const document = asObject(JSON.parse(text))
    pid = Number(document.pid)
    port = Number(document.port) // a wrong port just doesn't answer
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined
    throw error
  }
  const url = `http://127.0.0.1:${port}`
  const challenge = randomBytes(16).toString('base64url')
  const ask = (done: AbortSignal) => askStatus(url, challenge, done).catch(() => undefined)
  const answer = await unlessStopped(ask, { pid, root })
  if (answer === undefined) return undefined // nothing listens there, or another program does
  // Not by its name: one of them may be a link to the other.
  if (!(await isSameDirectory(answer.data, root))) return undefined
  const token = await readAccessToken(root)
  // An engine of an older ccs proves nothing, and needs no token.
  const isProved = token !== undefined && answer.proof === proveToken(token, challenge)
  return createClient({ url, root, token: isProved ? token : undefined })
}

/** The data directory of who answers, and the proof that it knows the directory's token. */
async function askStatus(url: string, challenge: string, done: AbortSignal) {
  const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), done])
  const headers = { [CHALLENGE_HEADER]: challenge }
  const response = await fetch(`${url}/status`, { headers, signal })
  const { data } = asObject(await response.json())
  return { data: String(data), proof: response.headers.get(PROOF_HEADER) }
}

/** Waits for the answer; CCS_ENGINE_UNREACHABLE once its process is found to be stopped. */
async function unlessStopped<T>(
  ask: (done: AbortSignal) => Promise<T>,
  { pid, root }: { readonly pid: number; readonly root: string },
): Promise<T> {
  const done = new AbortController()
  const asking = ask(done.signal)
  try {
    for (;;) {
      const answer = await Promise.race([asking, sleep(LOOK_MS, done.signal).then(() => LATE)])
      if (answer !== LATE) return answer as T // not the only other value
      if (readProcessStart(pid)?.isStopped) throw stoppedError(pid, root)
    }
  } finally {
    done.abort()
  }
}

/** So long an engine may need to answer before it is asked whether its process is stopped. */
const LOOK_MS = 500
const LATE = Symbol('late')

function stoppedError(pid: number, root: string): CcsError {
  const message = `The engine on ${root} (process ${pid}) is stopped, so it does not answer.`
  return new CcsError('CCS_ENGINE_UNREACHABLE', message, {
    hint: `To let it go on: kill -CONT ${pid}. To end it: kill -KILL ${pid}, nothing is lost.`,
  })
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
  const post = (path: string, body: unknown, { signal, waitMs, door }: ClientControl = {}) =>
    call(
      path,
      {
        ...(signal ? { signal } : {}),
        method: 'POST',
        headers: { 'content-type': 'application/json', [DOOR_HEADER]: door ?? OWN_DOOR },
        body: JSON.stringify(body),
      },
      waitMs,
    )
  return {
    url,
    get: (path, signal) => call(path, signal ? { signal } : {}),
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
