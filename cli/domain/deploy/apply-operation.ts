/** Carries out the operations of a plan, each so that repeating it does no harm. */

import { awaitConnector } from '../connectors/sinks.ts'
import type { Clock } from '../kernel/clock.ts'
import type { DesiredState } from './plan/desired.ts'
import type { Operation } from './plan/target-step.ts'
import type { ClusterPorts } from './read.ts'

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
  const wanted = parts.desired.connectors.find((one) => one.name === name)
  if (!wanted) return
  if (op === 'await connector')
    return awaitConnector({ connect, clock: parts.clock }, wanted, { timeoutMs: RUNNING_MS })
  if (op === 'put connector') await connect.put(name, wanted.config)
}

const RUNNING_MS = 60_000
