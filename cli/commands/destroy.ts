import { Flags } from '@oclif/core'
import { manifestTopic, openCluster } from '../app/deploy.ts'
import { openLogic } from '../app/project-logic.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { type DestroyResult, destroyCluster, NOTHING } from '../domain/deploy/destroy.ts'
import { stepsOf } from '../domain/deploy/plan/target-plan.ts'
import { clusterPlanLines } from '../domain/deploy/plan/target-plan-text.ts'
import { clusterRefusal } from '../domain/deploy/preflight.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'

export default class Destroy extends CcsCommand<DestroyResult> {
  static override summary =
    'Delete all that ccs made on a target: connectors, models and their rows, subjects, topics.'
  static override description =
    'What was there before ccs and was taken over stays, unless --adopted. Repeating a broken-off one finishes it.'
  static override examples = [
    '<%= config.bin %> destroy --target staging --allow-destructive',
    '<%= config.bin %> destroy --target staging --allow-destructive --yes',
  ]
  static override flags = {
    yes: Flags.boolean({ char: 'y', summary: "Do not ask for the target's name." }),
    'allow-destructive': Flags.boolean({ summary: 'Delete; without it the list is only shown.' }),
    adopted: Flags.boolean({ summary: 'Also what was there before ccs and was taken over.' }),
    target: targetFlag,
  }

  async run(): Promise<DestroyResult> {
    const { flags } = await this.parse(Destroy)
    const project = await this.loadProject(flags)
    const { name } = project.target
    const topic = manifestTopic(project)
    const cluster = await openCluster(project, await openLogic(project), {
      desired: () => NOTHING,
      isDestroying: true,
      withAdopted: flags.adopted,
    })
    try {
      const { plan } = await cluster.read()
      for (const line of clusterPlanLines(plan, { withDiff: false })) this.print(line)
      if (stepsOf(plan).length > 0) this.print(`and the record of it, topic ${topic}`)
      const refused = clusterRefusal(plan, { allowDestructive: true, command: 'ccs destroy' })
      if (refused) throw refused
      if (!flags['allow-destructive'])
        throw new CcsError('CCS_PLAN_CHANGES', `This would delete all of target ${name}.`, {
          exit: EXIT.usage,
          hint: `If that is meant: ccs destroy --target ${name} --allow-destructive`,
        })
      if (!flags.yes && !(await this.confirm(`Delete all of target ${name}? Type its name:`, name)))
        throw new CcsError('CCS_USAGE_INVALID', "Not destroyed: nobody typed the target's name.", {
          exit: EXIT.usage,
          hint: `Where nobody can be asked: ccs destroy --target ${name} --allow-destructive --yes`,
        })
      await cluster.holdModels(plan)
      const result = await destroyCluster(
        { ...cluster.parts, manifestTopic: topic },
        {
          onStep: (step, index, count) =>
            this.print(`[${index}/${count}] - ${step.kind} ${step.name}`),
        },
      )
      const kept = result.kept.map((one) => `${one.kind} ${one.name}`).join(', ')
      this.print(`Target ${name} is gone${kept === '' ? '' : `; left as they are: ${kept}`}.`)
      return result
    } finally {
      await cluster.close()
    }
  }
}
