/** The errors of a connection to ksqlDB: no answer, another server's answer, or not ready yet. */

import { type HttpAnswer, HttpFault } from '../../../adapters/http/http.ts'
import { CcsError, EXIT } from '../../../domain/kernel/errors.ts'

const CHECK_URL = 'Check ksqldb.url of the target in ccs.yml.'
const SET_LOGIN = 'Set ksqldb.username and ksqldb.password of the target in ccs.yml, as ${VAR}.'

/** Sends a request. CCS_ENGINE_UNREACHABLE if no answer comes, or the credentials are refused. */
export async function sendRequest<T extends { readonly status: number }>(
  url: string,
  request: () => Promise<T>,
): Promise<T> {
  const answer = await withConnectionErrors(url, 'does not answer', request)
  if (answer.status === 401 || answer.status === 403)
    throw unreachableError(`ksqlDB at ${url} refuses the credentials.`, { hint: SET_LOGIN })
  return answer
}

/** Turns an HttpFault into CCS_ENGINE_UNREACHABLE: `ksqlDB at <url> <what>: <fault>.` */
export async function withConnectionErrors<T>(
  url: string,
  what: string,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    throw unreachableError(`ksqlDB at ${url} ${what}: ${error.message}.`, { cause: error })
  }
}

/** The error for an answer that no ksqlDB gives. */
export function notAKsqlDb(url: string, { status }: Pick<HttpAnswer, 'status'>): CcsError {
  return unreachableError(`What answers at ${url} (status ${status}) is not ksqlDB.`)
}

/**
 * The error for a push query that ended by itself: the server stops, or somebody ended the query.
 */
export function endedEarlyError(url: string): CcsError {
  return unreachableError(`ksqlDB at ${url} ended the query, which should go on.`, {
    hint: 'Is it stopping, or did somebody end the query there? Run the query again.',
  })
}

/** The server is there and needs more time. */
class NotReadyError extends CcsError {}

/** The error for a server that is starting or still executes earlier statements. */
export function notReadyError(url: string, why: string): CcsError {
  const message = `ksqlDB at ${url} is not ready: ${why.replace(/\.\s*$/, '')}.`
  return new NotReadyError('CCS_ENGINE_UNREACHABLE', message, {
    exit: EXIT.unreachable,
    hint: 'Wait until it has executed its earlier statements, then run the command again.',
  })
}

/** Whether the server answers and only needs more time. */
export function isNotReady(error: unknown): boolean {
  return error instanceof NotReadyError
}

/** Whether waiting may help: nothing listens at the address yet, or the server is starting. */
export function isTemporary(error: unknown): boolean {
  return (
    error instanceof NotReadyError ||
    (error instanceof CcsError && error.cause instanceof HttpFault)
  )
}

function unreachableError(
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): CcsError {
  return new CcsError('CCS_ENGINE_UNREACHABLE', message, {
    hint: CHECK_URL,
    ...options,
  })
}
