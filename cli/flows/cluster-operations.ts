/** Carries out the operations of a plan, each so that repeating it does no harm. */
import type { Operation } from '../core/cluster-step.ts'
import { stateOf } from '../core/connector-plan.ts'
import type { DesiredState } from '../core/desired.ts'
import { CcsError } from '../core/errors.ts'
import type { Clock, ConnectCluster, ConnectorState } from '../core/ports.ts'
import type { ClusterPorts } from './cluster-read.ts'

export interface OperationParts {
  readonly ports: ClusterPorts
  readonly desired: DesiredState
  readonly clock: Clock
  /** All model steps of the plan at once. */
  readonly deployModels: () => Promise<void>
}

export async function carryOut(operation: Operation, parts: OperationParts): Promise<void> {
  const { topics, registry } = parts.ports
  switch (operation.op) {
    case 'create topic':
      return topics.create([operation.topic])
    case 'configure topic':
      return topics.configure(operation.name, operation.config)
    case 'add partitions':
      return topics.addPartitions(operation.name, operation.total)
    case 'remove topic':
      return topics.remove([operation.name])
    case 'register':
      return void (await registry.register(operation.name, operation.schema))
    case 'remove version':
      return registry.removeVersion(operation.name, operation.version)
    case 'set compatibility':
      return registry.setCompatibility(operation.name, operation.level)
    case 'remove subject':
      return registry.remove(operation.name)
    case 'deploy models':
      return parts.deployModels()
    default:
      return onConnector(operation, parts)
  }
}

type ConnectorOperation = Extract<Operation, { readonly op: `${string} connector` }>

async function onConnector(operation: ConnectorOperation, parts: OperationParts): Promise<void> {
  const { connect } = parts.ports
  const { op, name } = operation
  if (!connect) return
  if (op === 'remove connector') return connect.remove(name)
  if (op === 'resume connector') return connect.resume(name)
  if (op === 'restart connector') return connect.restart(name)
  if (op === 'await connector') return untilRunning(connect, name, parts.clock)
  const wanted = parts.desired.connectors.find((one) => one.name === name)
  if (wanted) await connect.put(name, wanted.config)
}

const RUNNING_MS = 60_000
const POLL_MS = 500
/** A config that validates may die when its task starts. */
const STEADY_MS = 2_000

/** Resolves once it has run for a while; throws CCS_CONNECTOR_FAILED with what it died of. */
async function untilRunning(connect: ConnectCluster, name: string, clock: Clock): Promise<void> {
  const startMs = clock.nowMs()
  let sinceMs: number | undefined
  let last: ConnectorState | undefined
  while (clock.nowMs() - startMs < RUNNING_MS) {
    last = (await connect.connectors()).find((one) => one.name === name)
    const isUp = last?.state === 'RUNNING' && last.tasks.length > 0
    const isWhole = isUp && last?.tasks.every((task) => task.state === 'RUNNING')
    sinceMs = isWhole ? (sinceMs ?? clock.nowMs()) : undefined
    if (sinceMs !== undefined && clock.nowMs() - sinceMs >= STEADY_MS) return
    // Right after a restart it still shows what it died of before.
    if (last && stateOf(last) === 'FAILED' && clock.nowMs() - startMs > STEADY_MS) break
    await clock.sleep(POLL_MS)
  }
  const fault = last?.tasks.find((task) => task.fault)?.fault
  const state = last ? stateOf(last) : 'absent'
  throw new CcsError(
    'CCS_CONNECTOR_FAILED',
    `Connector ${name} does not run: ${fault ?? `it is ${state}`}`,
    { hint: 'Mend its file in connectors/ or what it needs, then deploy again.' },
  )
}
