/** When no ksqlDB answers, another server does, or it is there and not ready: errors with what to look at. */

import { type HttpAnswer, HttpFault } from '../../../adapters/http/http.ts'
import { CcsError, EXIT } from '../../../domain/kernel/errors.ts'

const LOOK = 'Look at ksqldb.url of the target in ccs.yml.'
const LOGIN = 'Set ksqldb.username and ksqldb.password of the target in ccs.yml, as ${VAR}.'

/** Runs a request; no answer, and one that asks for other credentials, are CCS_ENGINE_UNREACHABLE. */
export async function reached<T extends { readonly status: number }>(
  url: string,
  request: () => Promise<T>,
): Promise<T> {
  const answer = await unbroken(url, 'does not answer', request)
  if (answer.status === 401 || answer.status === 403)
    throw unreachable(`ksqlDB at ${url} refuses the credentials.`, { hint: LOGIN })
  return answer
}

/** HttpFaults become CCS_ENGINE_UNREACHABLE with `what`. */
export async function unbroken<T>(url: string, what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    throw unreachable(`ksqlDB at ${url} ${what}: ${error.message}.`, { cause: error })
  }
}

export function stranger(url: string, { status }: Pick<HttpAnswer, 'status'>): CcsError {
  return unreachable(`What answers at ${url} (${status}) is no ksqlDB.`)
}

/** Rows that have no end ended, in good order: the server stops, or somebody terminated the query there. */
export function endedEarly(url: string): CcsError {
  return unreachable(`ksqlDB at ${url} ended the query, which has no end of its own.`, {
    hint: 'Is it stopping, or did somebody end the query there? Ask again, to go on from now.',
  })
}

/** It is there, and will go on by itself. */
class Busy extends CcsError {}

export function busy(url: string, why: string): CcsError {
  const message = `ksqlDB at ${url} is not ready: ${why.replace(/\.\s*$/, '')}.`
  return new Busy('CCS_ENGINE_UNREACHABLE', message, {
    exit: EXIT.unreachable,
    hint: 'Wait until it has caught up with its own commands, then run it again.',
  })
}

/** Whether it answers, and only has to be waited for. */
export function isStarting(error: unknown): boolean {
  return error instanceof Busy
}

/** Whether waiting may mend it: nobody listens yet, or it is starting. */
export function isPassing(error: unknown): boolean {
  return error instanceof Busy || (error instanceof CcsError && error.cause instanceof HttpFault)
}

function unreachable(
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): CcsError {
  return new CcsError('CCS_ENGINE_UNREACHABLE', message, { hint: LOOK, ...options })
}
