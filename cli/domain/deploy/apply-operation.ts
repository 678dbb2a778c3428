/** Applies the operations of a plan. Repeating one does no harm. */
import { awaitConnector } from '../connectors/sinks.ts'
import type { Clock } from '../kernel/clock.ts'
import type { TargetServers } from './deploy-target.ts'
import type { DesiredState } from './plan/desired.ts'
import type { Operation } from './plan/step.ts'

/** What an operation is applied with. */
export interface OperationParts {
  readonly servers: TargetServers
  /** Has the configs of connectors; plans don't contain them, since they have secrets. */
  readonly desired: DesiredState
  readonly clock: Clock
}

/** Applies one operation; errors are those of the server that it goes to. */
export async function applyOperation(operation: Operation, parts: OperationParts): Promise<void> {
  const { topics, registry } = parts.servers
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
    default:
      return applyToConnector(operation, parts)
  }
}

type ConnectorOperation = Extract<Operation, { readonly op: `${string} connector` }>

async function applyToConnector(
  { op, name }: ConnectorOperation,
  { servers: { connect }, desired, clock }: OperationParts,
): Promise<void> {
  if (!connect) return
  if (op === 'remove connector') return connect.remove(name)
  if (op === 'resume connector') return connect.resume(name)
  if (op === 'restart connector') return connect.restart(name)
  const wanted = desired.connectors.find((one) => one.name === name)
  if (!wanted) return
  if (op === 'await connector')
    return awaitConnector({ connect, clock }, wanted, { timeoutMs: RUNNING_MS })
  await connect.put(name, wanted.config)
}

const RUNNING_MS = 60_000
