/**
 * Finds and calls an engine that runs in another process. A running engine writes its port to
 * engine.json in its data directory; a file that a killed engine left behind counts as no engine.
 */

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
  const client = createClient(`http://127.0.0.1:${port}`)
  const done = new AbortController()
  const asking = client.get('/status', done.signal).catch(() => undefined)
  const late = () => sleep(LOOK_MS, done.signal).then(() => LATE)
  let status: unknown
  try {
    do {
      status = await Promise.race([asking, late()])
      if (status === LATE && readProcessStart(pid)?.isStopped) throw stoppedError(pid, root)
    } while (status === LATE)
  } finally {
    done.abort()
  }
  if (status === undefined) return undefined // nothing listens there, or another program does
  // Not by its name: one of them may be a link to the other.
  return (await isSameDirectory(String(asObject(status).data), root)) ? client : undefined
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

function createClient(url: string): EngineClient {
  const call = async (path: string, init: RequestInit, waitMs = TIMEOUT_MS) => {
    let response: Response
    try {
      const timeout = AbortSignal.timeout(waitMs)
      const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout
      response = await fetch(`${url}${path}`, { ...init, signal })
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
    get: (path, signal) => call(path, signal ? { signal } : {}),
    post: (path, body) => post(path, body),
    // The engine's own answer.
    query: async (sql, control = {}) => {
      const { timeoutMs, rowsMax } = control
      return (await post('/query', { sql, timeoutMs, rowsMax }, control)) as QueryResult
    },
  }
}
