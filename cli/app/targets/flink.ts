/** Composition of a Flink target: its dialect, and what its servers say of themselves. */
import type { Target } from '../../domain/config/target.ts'
import { addPrefix } from '../../domain/config/target.ts'
import type { Dialect } from '../../domain/dialects/dialect.ts'
import type { EngineServerCheck } from '../../domain/doctor/examine-target.ts'
import { VALID_TOPIC } from '../../domain/log/topics.ts'
import type { PrintKubernetes } from './engine-module.ts'

/** How models are printed for Flink SQL. */
export async function openDialect(): Promise<Dialect> {
  return (await import('../../engines/flink/compile/dialect.ts')).compileFlink
}

/** How models are printed as resources of Kubernetes. */
export async function openKubernetes(): Promise<PrintKubernetes> {
  return (await import('../../engines/flink/compile/kubernetes.ts')).printKubernetes
}

/** What `ccs doctor` asks of the target's Flink. */
export async function openServerCheck(
  target: Target,
  timezone: string,
): Promise<EngineServerCheck | undefined> {
  const server = target.engineServers?.flink
  const manager = target.jobs?.manager
  if (!server || !manager) return undefined
  const [{ openGateway }, { openJobManager }, { checkServers }] = await Promise.all([
    import('../../engines/flink/client/gateway.ts'),
    import('../../engines/flink/client/job-manager.ts'),
    import('../../engines/flink/client/checks.ts'),
  ])
  const question = {
    ...{ target, timezone, topic: addPrefix(target, VALID_TOPIC) },
    jobStart: addPrefix(target, 'ccs-v'),
  }
  const check = () => checkServers(openGateway(server), openJobManager(manager), question)
  return { name: 'flink', server, check }
}
