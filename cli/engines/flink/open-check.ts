/** Opens what `ccs doctor` asks of a target's Flink. */
import { addPrefix, type Target, type Tls } from '../../domain/config/target.ts'
import type { EngineServerCheck } from '../../domain/doctor/examine-target.ts'
import { VALID_TOPIC } from '../../domain/log/topics.ts'
import { checkServers } from './client/checks.ts'
import { openGateway } from './client/gateway.ts'
import { openJobManager } from './client/job-manager.ts'
import { createJobNames } from './plan/names.ts'
import { describeServers } from './plan/server-options.ts'

/** `tls` reads the texts of Kafka's files; `timezone` is that of the project. */
export interface FlinkCheckOptions {
  readonly target: Target
  readonly timezone: string
  readonly tls: () => Promise<Tls>
}

/** Undefined for a target without a Flink. */
export function openFlinkCheck(options: FlinkCheckOptions): EngineServerCheck | undefined {
  const { target, timezone } = options
  const { engineServers, jobs, kafka, registry } = target
  const server = engineServers?.flink
  const manager = jobs?.manager
  if (!server || !manager || !kafka || !registry) return undefined
  const check = async () => {
    const question = {
      servers: describeServers(kafka, await options.tls(), registry),
      timezone,
      jobStart: createJobNames(target.prefix).jobStart,
      topic: addPrefix(target, VALID_TOPIC),
    }
    return checkServers(openGateway(server), openJobManager(manager), question, target)
  }
  return { name: 'flink', server, check }
}
