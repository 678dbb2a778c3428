/**
 * The errors of a connection to a server of Flink: no answer, another server's answer, credentials
 * that it refuses, or not ready yet.
 */
import { type HttpAnswer, HttpFault } from '../../../adapters/http/http.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'

/** How a server of Flink is named in errors, and what to check where it does not answer. */
export interface FlinkServer {
  /** Such as `SQL Gateway`. */
  readonly displayName: string
  readonly url: string
  readonly hint: string
}

/** Sends a request. CCS_ENGINE_UNREACHABLE if no answer comes, or the credentials are refused. */
export async function sendRequest(
  { displayName, url, hint }: FlinkServer,
  request: () => Promise<HttpAnswer>,
): Promise<HttpAnswer> {
  try {
    const answer = await request()
    if (answer.status !== 401 && answer.status !== 403) return answer
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    throw new CcsError(
      'CCS_ENGINE_UNREACHABLE',
      `The ${displayName} at ${url} does not answer: ${error.message}.`,
      { hint, cause: error },
    )
  }
  throw new CcsError(
    'CCS_ENGINE_UNREACHABLE',
    `The ${displayName} at ${url} refuses the credentials.`,
    { hint: 'Set username and password beside its url in ccs.yml, as ${VAR}.' },
  )
}

/** The error for an answer that no such server gives. */
export function notThatServer(
  { displayName, url, hint }: FlinkServer,
  { status }: Pick<HttpAnswer, 'status'>,
): CcsError {
  return new CcsError(
    'CCS_ENGINE_UNREACHABLE',
    `What answers at ${url} (status ${status}) is not a ${displayName} of Flink.`,
    { hint },
  )
}

/** The error for a server that is there and needs more time. */
export function notReadyError({ displayName, url }: FlinkServer, why: string): CcsError {
  return new CcsError(
    'CCS_ENGINE_UNREACHABLE',
    `The ${displayName} at ${url} is not ready: ${why}.`,
    { hint: 'Wait until it has started, then run the command again.' },
  )
}
