/** Opens what `ccs doctor` asks of a target's Flink. */
import { addPrefix, type Target } from '../../domain/config/target.ts'
import type { EngineServerCheck } from '../../domain/doctor/examine-target.ts'
import { VALID_TOPIC } from '../../domain/log/topics.ts'
import { checkServers } from './client/checks.ts'
import { openGateway } from './client/gateway.ts'
import { openJobManager } from './client/job-manager.ts'
import { createJobNames } from './plan/names.ts'

/** Undefined for a target without one; `timezone` is that of the project. */
export function openFlinkCheck(target: Target, timezone: string): EngineServerCheck | undefined {
  const server = target.engineServers?.flink
  const manager = target.jobs?.manager
  if (!server || !manager) return undefined
  const { jobStart } = createJobNames(target.prefix)
  const question = { target, timezone, topic: addPrefix(target, VALID_TOPIC), jobStart }
  const check = () => checkServers(openGateway(server), openJobManager(manager), question)
  return { name: 'flink', server, check }
}
