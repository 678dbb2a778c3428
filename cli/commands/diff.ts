import { openTarget } from '../app/deploy.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { readTarget } from '../domain/deploy/deploy-target.ts'
import { hasChanges } from '../domain/deploy/plan/plan.ts'
import { printPlanDiff } from '../domain/deploy/plan/plan-text.ts'
import { EXIT } from '../domain/kernel/errors.ts'

/** The `--json` document of `ccs diff`. */
export interface DiffResult {
  readonly target: string
  readonly changes: number
  /** A unified diff of each resource, by line, from what exists to what the project wants. */
  readonly diff: readonly string[]
}

/** `ccs diff`. */
export default class Diff extends CcsCommand<DiffResult> {
  static override summary = 'Show line by line how a target differs from the project.'
  static override description = 'Exit code 0: no difference · 3: something differs.'
  static override examples = [
    '<%= config.bin %> diff',
    '<%= config.bin %> diff --target kafka --json',
  ]
  static override flags = { target: targetFlag }

  async run(): Promise<DiffResult> {
    const { flags } = await this.parse(Diff)
    const { target, close } = await openTarget(await this.loadProject(flags))
    try {
      const { plan } = await readTarget(target)
      const diff = printPlanDiff(plan)
      for (const line of diff) this.print(line)
      if (hasChanges(plan)) this.exitWith(EXIT.changes)
      return { target: plan.target, changes: plan.steps.length, diff }
    } finally {
      await close()
    }
  }
}
