import { Flags } from '@oclif/core'
import { openCluster } from '../app/deploy.ts'
import { openLogic } from '../app/project-logic.ts'
import { openDeployment } from '../app/targets/embedded.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { type Plan, type Step, widestEffect } from '../domain/deploy/plan/plan.ts'
import { planLines } from '../domain/deploy/plan/plan-text.ts'
import { hasChanges } from '../domain/deploy/plan/target-plan.ts'
import {
  type ClusterPlanResult,
  clusterPlanResult,
} from '../domain/deploy/plan/target-plan-result.ts'
import { clusterPlanLines } from '../domain/deploy/plan/target-plan-text.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { Project } from '../project.ts'

/** What `--json` prints; models' texts are left to the diff. */
export interface PlanResult {
  readonly changes: number
  readonly unchanged: number
  readonly effect: ReturnType<typeof widestEffect>
  readonly steps: readonly Omit<Step, 'before' | 'after'>[]
}

export function planResult(plan: Plan): PlanResult {
  return {
    changes: plan.steps.length,
    unchanged: plan.unchanged,
    effect: widestEffect(plan),
    steps: plan.steps.map(({ before: _before, after: _after, ...step }) => step),
  }
}

export default class PlanCommand extends CcsCommand<PlanResult | ClusterPlanResult> {
  static override summary =
    'Show what a deployment would do: added, changed and removed, kept or rebuilt.'
  static override description =
    'Of a target on Kafka: topics, subjects, models and connectors, as the project wants them, as they were deployed ' +
    'last and as they are now. Exit code 0: nothing to do · 3: there are changes, or somebody made some by hand.'
  static override examples = [
    '<%= config.bin %> plan',
    '<%= config.bin %> plan --no-diff --json',
    '<%= config.bin %> plan --target kafka --out plan.json',
  ]
  static override flags = {
    diff: Flags.boolean({ summary: 'Show the changed lines.', default: true, allowNo: true }),
    out: Flags.string({
      summary: 'Keep the plan in a file, to be applied by: ccs deploy FILE',
      helpValue: 'FILE',
    }),
    target: targetFlag,
  }

  async run(): Promise<PlanResult | ClusterPlanResult> {
    const { flags } = await this.parse(PlanCommand)
    const project = await this.loadProject(flags)
    if (project.target.kafka) return this.#planCluster(project, flags)
    if (flags.out !== undefined)
      throw new CcsError('CCS_USAGE_INVALID', '--out is for targets on Kafka.', {
        exit: EXIT.usage,
        hint: 'What is local changes only by ccs itself: ccs deploy makes its plan anew.',
      })
    const { plan, close } = await openDeployment(project, await openLogic(project), {
      isLocked: false,
    })
    await close()
    for (const line of planLines(plan, { withDiff: flags.diff })) this.print(line)
    if (plan.steps.length > 0) this.exitWith(EXIT.changes)
    return planResult(plan)
  }

  async #planCluster(
    project: Project,
    flags: { readonly diff: boolean; readonly out: string | undefined },
  ): Promise<ClusterPlanResult> {
    const cluster = await openCluster(project, await openLogic(project))
    try {
      const { plan } = await cluster.read()
      for (const line of clusterPlanLines(plan, { withDiff: flags.diff })) this.print(line)
      const result = clusterPlanResult(plan)
      if (flags.out !== undefined) {
        const { writeFile } = await import('node:fs/promises')
        await writeFile(flags.out, `${JSON.stringify(result, null, 2)}\n`)
        this.note(`Kept in ${flags.out}; apply it: ccs deploy ${flags.out} --target ${plan.target}`)
      }
      if (hasChanges(plan)) this.exitWith(EXIT.changes)
      return result
    } finally {
      await cluster.close()
    }
  }
}
