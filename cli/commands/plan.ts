import { Flags } from '@oclif/core'
import { openTarget } from '../app/deploy.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { checkPlannedModels, readTarget } from '../domain/deploy/deploy-target.ts'
import { hasChanges } from '../domain/deploy/plan/plan.ts'
import { type PlanDocument, toPlanDocument } from '../domain/deploy/plan/plan-document.ts'
import { printPlan } from '../domain/deploy/plan/plan-text.ts'
import { EXIT } from '../domain/kernel/errors.ts'

/** `ccs plan`. */
export default class PlanCommand extends CcsCommand<PlanDocument> {
  static override summary =
    'Show what a deployment would do: added, changed and removed, kept or rebuilt.'
  static override description =
    'Compares topics, subjects, models and connectors: as the project wants them, as they were ' +
    'last deployed, and as they are now. Exit code 0: nothing to do · 3: there are changes, or ' +
    'somebody made some by hand.'
  static override examples = [
    '<%= config.bin %> plan',
    '<%= config.bin %> plan --no-diff --json',
    '<%= config.bin %> plan --target kafka --out plan.json',
  ]
  static override flags = {
    diff: Flags.boolean({ summary: 'Show the changed lines.', default: true, allowNo: true }),
    out: Flags.string({
      summary: 'Save the plan in a file, to be applied by: ccs deploy FILE',
      helpValue: 'FILE',
    }),
    target: targetFlag,
  }

  async run(): Promise<PlanDocument> {
    const { flags } = await this.parse(PlanCommand)
    const { target, close } = await openTarget(await this.loadProject(flags))
    try {
      const { plan } = await readTarget(target)
      await checkPlannedModels(target, plan)
      for (const line of printPlan(plan, { withDiff: flags.diff })) this.print(line)
      const document = toPlanDocument(plan)
      if (flags.out !== undefined) {
        const { writeFile } = await import('node:fs/promises')
        await writeFile(flags.out, `${JSON.stringify(document, null, 2)}\n`)
        this.note(
          `Saved in ${flags.out}; apply it: ccs deploy ${flags.out} --target ${plan.target}`,
        )
      }
      if (hasChanges(plan)) this.exitWith(EXIT.changes)
      return document
    } finally {
      await close()
    }
  }
}
