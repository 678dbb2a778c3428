/**
 * What a JobManager refuses, as errors: a request that is wrong, or one that comes too early,
 * because it was restarted and is taking over the jobs of the one before.
 */
import type { HttpAnswer } from '../../../adapters/http/http.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { type FlinkServer, notReadyError, notThatServer } from './connection.ts'
import { readGatewayFault } from './gateway-error.ts'

/** What is said of details of a job that a JobManager has begun to start, or to recover. */
const INITIALIZING = /JobManager is initializing|for initializing job/i

/** Whether an answer says that a job is at its very beginning, so that there is nothing to tell. */
export function isInitializing(answer: HttpAnswer): boolean {
  if (answer.status < 500) return false
  return INITIALIZING.test(readGatewayFault(answer)?.message ?? '')
}

/** Returns an answer that is a success, or 404; CCS_ENGINE_UNREACHABLE if it came too early. */
export function checkAnswer(server: FlinkServer, answer: HttpAnswer): HttpAnswer {
  if (answer.status < 400) return answer
  const fault = readGatewayFault(answer)
  if (fault === undefined) throw notThatServer(server, answer)
  if (answer.status === 404) return answer
  if (isInitializing(answer)) throw recoveringError(server, 'it reads what it kept of the job')
  if (answer.status === 503)
    throw /leader election/.test(fault.message)
      ? recoveringError(server, 'it waits to be elected as the one in charge')
      : notReadyError(server, fault.message)
  throw new CcsError('CCS_ENGINE_REFUSED', `Flink refuses it: ${fault.message}.`)
}

function recoveringError({ displayName, url }: FlinkServer, why: string): CcsError {
  return new CcsError(
    'CCS_ENGINE_UNREACHABLE',
    `The ${displayName} at ${url} is recovering: ${why}.`,
    {
      hint:
        'Wait: its jobs then go on by themselves. After a crash that takes as long as a session ' +
        'of ZooKeeper or a lease of Kubernetes, a minute by default.',
    },
  )
}
