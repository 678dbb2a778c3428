/**
 * Composition of the models of a target: the embedded engine's own plan and deployment, or a ksqlDB, behind one port.
 * All that tells targets apart here is their engine.
 */

import type { Plan } from '../../domain/deploy/plan/plan.ts'
import type { ClusterPlan } from '../../domain/deploy/plan/target-plan.ts'
import type { ClusterPorts } from '../../domain/deploy/read.ts'
import type { TargetModels } from '../../domain/deploy/target-models.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import type { Project } from '../../project.ts'
import { deployedLogic, type Logic } from '../project-logic.ts'
import { type OpenDeployment, openDeployment } from './embedded.ts'

export interface ModelsOptions {
  /** All models go. */
  readonly isDestroying?: boolean
  readonly isRebuild?: boolean
}

/** CCS_USAGE_INVALID for an engine that no deployment is known for. */
export async function openModels(
  project: Project,
  logic: Logic,
  ports: Pick<ClusterPorts, 'topics' | 'registry'>,
  options: ModelsOptions,
): Promise<TargetModels> {
  const { name, engine } = project.target
  switch (engine) {
    case 'embedded':
      return embeddedModels(project, logic, options)
    case 'ksqldb':
      return (await import('./ksqldb.ts')).openKsqldbModels(project, logic, ports, options)
    case 'flink':
      throw new CcsError(
        'CCS_USAGE_INVALID',
        `Target ${name} is on Flink, which ccs compiles for.`,
        {
          exit: EXIT.usage,
          hint: 'Its SQL: ccs compile --target flink',
        },
      )
  }
}

function embeddedModels(project: Project, logic: Logic, options: ModelsOptions): TargetModels {
  const { isRebuild = false } = options
  let held: OpenDeployment | undefined
  let isPending = false
  const deploy = async (plan: Plan) => {
    if (held) await deployModels(project, logic, held, plan, options)
  }
  return {
    read: async () => {
      const models = held ?? (await openDeployment(project, logic, { isLocked: false }))
      try {
        const running = (await models.parts.manifests.load())?.models ?? []
        const own = isPending ? { ...models.plan, steps: [] } : models.plan
        if (!options.isDestroying) return { plan: own, running }
        const { withoutModels } = await import('../../domain/deploy/destroy.ts')
        return { plan: withoutModels(own, running), running }
      } finally {
        if (models !== held) await models.close()
      }
    },
    hold: async (plan) => {
      const steps = stepsOfEngine(plan)
      if (steps.length === 0 && !isRebuild) return []
      try {
        held = await openDeployment(project, logic, { isLocked: true })
        return []
      } catch (error) {
        const isRunning = error instanceof CcsError && error.code === 'CCS_ENGINE_LOCKED'
        if (!isRunning || isRebuild || steps.some((one) => one.kind === 'model')) throw error
        isPending = true
        return steps.map((one) => one.name)
      }
    },
    apply: deploy,
    rebuild: async () => {
      if (held) await deploy(held.plan)
    },
    close: async () => {
      await held?.close()
    },
  }
}

function stepsOfEngine(plan: ClusterPlan) {
  return plan.tasks
    .flatMap((task) => task.steps)
    .filter(({ kind }) => kind === 'model' || kind === 'schema')
}

async function deployModels(
  project: Project,
  logic: Logic,
  { parts }: OpenDeployment,
  plan: Plan,
  options: ModelsOptions,
): Promise<void> {
  if (options.isDestroying) return removeData(project)
  const { deploy } = await import('../../domain/deploy/deploy-embedded.ts')
  await deploy(plan, parts, {
    logic: deployedLogic(logic),
    // Asked for the whole plan.
    allowDestructive: true,
    isRebuild: options.isRebuild ?? false,
  })
}

/** Lake and state of the target; other files of the directory are not ccs's to delete. */
async function removeData(project: Project): Promise<void> {
  const [{ diskFiles }, { dataLayout, parseGenerationName }] = await Promise.all([
    import('../../adapters/files/files.ts'),
    import('../../domain/lake/layout.ts'),
  ])
  const files = diskFiles()
  const { root, manifest, state, stage, lake, log } = dataLayout(project.dataDir)
  const generations = (await files.readdir(root)).filter(
    (name) => parseGenerationName(name) !== undefined,
  )
  // The manifest first: what none names is nobody's.
  for (const path of [manifest, lake, state, stage, log]) await files.remove(path)
  for (const name of generations) await files.remove(`${root}/${name}`)
}
