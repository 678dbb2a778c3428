import { Flags } from '@oclif/core'
import { openServerTarget } from '../app/deploy.ts'
import { recordCommand } from '../app/store.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { readTarget } from '../domain/deploy/deploy-target.ts'
import { recordTopic } from '../domain/deploy/deployment-store.ts'
import { type DestroyResult, destroyTarget } from '../domain/deploy/destroy.ts'
import { NOTHING_DESIRED } from '../domain/deploy/plan/desired.ts'
import { printPlan } from '../domain/deploy/plan/plan-text.ts'
import { isEngineStep } from '../domain/deploy/plan/step.ts'
import { findBlocker } from '../domain/deploy/preflight.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'

export default class Destroy extends CcsCommand<DestroyResult> {
  static override summary =
    'Delete all that ccs created on a target: connectors, models with rows, subjects, topics.'
  static override description =
    'Resources that existed before ccs and were taken over stay, unless --adopted is given. ' +
    'Repeat an interrupted run to finish it.'
  static override examples = [
    '<%= config.bin %> destroy --target staging --allow-destructive',
    '<%= config.bin %> destroy --target staging --allow-destructive --yes',
  ]
  static override flags = {
    yes: Flags.boolean({ char: 'y', summary: "Do not ask for the target's name." }),
    'allow-destructive': Flags.boolean({
      summary: 'Delete; without this flag the list is only shown.',
    }),
    adopted: Flags.boolean({ summary: 'Also delete what existed before ccs and was taken over.' }),
    target: targetFlag,
  }

  async run(): Promise<DestroyResult> {
    const { flags } = await this.parse(Destroy)
    const project = await this.loadProject(flags)
    const { name } = project.target
    const topic = recordTopic(project.target)
    const { target, close } = await openServerTarget(project, {
      changeDesired: () => NOTHING_DESIRED,
      isDestroying: true,
      withAdopted: flags.adopted,
    })
    try {
      const { plan } = await readTarget(target)
      for (const line of printPlan(plan, { withDiff: false })) this.print(line)
      if (plan.steps.length > 0) this.print(`and the record of it, topic ${topic}`)
      const blocker = findBlocker(plan, { allowDestructive: true, command: 'ccs destroy' })
      if (blocker) throw blocker
      if (!flags['allow-destructive'])
        throw new CcsError('CCS_PLAN_CHANGES', `This would delete all of target ${name}.`, {
          exit: EXIT.usage,
          hint: `To delete it: ccs destroy --target ${name} --allow-destructive`,
        })
      if (!flags.yes && !(await this.confirm(`Delete all of target ${name}? Type its name:`, name)))
        throw new CcsError('CCS_USAGE_INVALID', "Not destroyed: the target's name was not typed.", {
          hint:
            'Without a terminal, confirm by a flag: ' +
            `ccs destroy --target ${name} --allow-destructive --yes`,
        })
      const result = await recordCommand(project, this, async () => {
        await target.engine.hold(plan.steps.filter(isEngineStep))
        return destroyTarget(target, topic, {
          onStep: (step, index, count) =>
            this.print(`[${index}/${count}] - ${step.kind} ${step.name}`),
        })
      })
      const kept = result.kept.map((one) => `${one.kind} ${one.name}`).join(', ')
      this.print(`Target ${name} is gone${kept === '' ? '' : `; left as they are: ${kept}`}.`)
      return result
    } finally {
      await close()
    }
  }
}
