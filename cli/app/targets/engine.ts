/** The engines of targets: each one's composition by its name, loaded when it is needed. */
import type { EngineName } from '../../domain/config/engines.ts'
import type { Target } from '../../domain/config/target.ts'
import type { TargetEngine } from '../../domain/deploy/target-engine.ts'
import type { EngineServerCheck } from '../../domain/doctor/examine-target.ts'
import type { Logic } from '../../domain/models/logic.ts'
import type { Project } from '../../project.ts'
import type { EngineModule, TargetEngineOptions } from './engine-module.ts'

const MODULES: Readonly<Record<EngineName, () => Promise<EngineModule>>> = {
  embedded: () => import('./embedded.ts'),
  flink: () => import('./flink.ts'),
  ksqldb: () => import('./ksqldb.ts'),
}

/** The composition of an engine. */
export function loadEngine(name: EngineName): Promise<EngineModule> {
  return MODULES[name]()
}

/** Opens the engine of the project's target. */
export async function openEngineOf(
  project: Project,
  logic: Logic,
  options: TargetEngineOptions,
): Promise<TargetEngine> {
  const { openTargetEngine } = await loadEngine(project.target.engine)
  return openTargetEngine(project, logic, options)
}

/** What `ccs doctor` asks of the target's engine servers. */
export async function openServerChecks(project: Project): Promise<readonly EngineServerCheck[]> {
  const modules = await loadServerEngines(project.target)
  const checks = await Promise.all(modules.map((one) => one.openServerCheck?.(project)))
  return checks.flatMap((one) => one ?? [])
}

/** Topic of the processing log of the first of the target's engine servers that keeps one. */
export async function findProcessingLog(target: Target): Promise<string | undefined> {
  for (const { findProcessingLog: find } of await loadServerEngines(target)) {
    const topic = await find?.(target)
    if (topic !== undefined) return topic
  }
  return undefined
}

function loadServerEngines({ engineServers = {} }: Target): Promise<readonly EngineModule[]> {
  const names = Object.keys(engineServers) as EngineName[] // engines are its keys
  return Promise.all(names.map(loadEngine))
}
