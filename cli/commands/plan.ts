import { Flags } from '@oclif/core'
import { CcsCommand } from '../command.ts'
import { EXIT } from '../core/errors.ts'
import { type Plan, type Step, widestEffect } from '../core/plan.ts'
import { planLines } from '../core/plan-text.ts'
import { openLogic } from '../open.ts'
import { openDeployment } from '../open-deploy.ts'

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

export default class PlanCommand extends CcsCommand<PlanResult> {
  static override summary =
    'Show what a deployment would do: added, changed and removed, kept or rebuilt.'
  static override description = 'Exit code 0: nothing to do · 3: there are changes.'
  static override examples = ['<%= config.bin %> plan', '<%= config.bin %> plan --no-diff --json']
  static override flags = {
    diff: Flags.boolean({ summary: 'Show the changed lines.', default: true, allowNo: true }),
  }

  async run(): Promise<PlanResult> {
    const { flags } = await this.parse(PlanCommand)
    const project = await this.loadProject(flags)
    const { plan, close } = await openDeployment(project, await openLogic(project), {
      isLocked: false,
    })
    await close()
    for (const line of planLines(plan, { withDiff: flags.diff })) this.print(line)
    if (plan.steps.length > 0) this.exitWith(EXIT.changes)
    return planResult(plan)
  }
}
