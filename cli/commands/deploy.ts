import { Flags } from '@oclif/core'
import { CcsCommand } from '../command.ts'
import { CcsError, EXIT } from '../core/errors.ts'
import { widestEffect } from '../core/plan.ts'
import { planLines } from '../core/plan-text.ts'
import { type DeployResult, deploy, refusal } from '../flows/deploy.ts'
import { deployedLogic, openLogic } from '../open.ts'
import { openDeployment } from '../open-deploy.ts'

export default class Deploy extends CcsCommand<DeployResult> {
  static override summary =
    'Apply the plan: changed rows are made beside the old ones, then swapped.'
  static override description =
    'Repeating it does nothing. After a crash at any step, the next deploy finishes the work.'
  static override examples = ['<%= config.bin %> deploy', '<%= config.bin %> deploy --yes --json']
  static override flags = {
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    rebuild: Flags.boolean({ summary: 'Make all rows anew from the log, changed or not.' }),
    'allow-destructive': Flags.boolean({
      summary: 'Also delete rows of models whose file is gone.',
    }),
  }

  async run(): Promise<DeployResult> {
    const { flags } = await this.parse(Deploy)
    const project = await this.loadProject(flags)
    const logic = await openLogic(project)
    const { plan, parts, close } = await openDeployment(project, logic, { isLocked: true })
    try {
      for (const line of planLines(plan, { withDiff: false })) this.print(line)
      const refused = refusal(plan, flags['allow-destructive'])
      if (refused) throw refused
      const isHeavy = flags.rebuild || widestEffect(plan) !== 'none'
      if (isHeavy && !flags.yes && !(await this.confirm('Go on?')))
        throw new CcsError('CCS_USAGE_INVALID', 'Not deployed: nobody said yes.', {
          exit: EXIT.usage,
          hint: 'Where nobody can be asked: ccs deploy --yes',
        })
      const progress = this.progress('deploying')
      const timer = setInterval(() => progress.update(0), 500)
      try {
        const result = await deploy(plan, parts, {
          logic: deployedLogic(logic),
          allowDestructive: flags['allow-destructive'],
          isRebuild: flags.rebuild,
        })
        this.print(result.applied ? `Deployed as no. ${result.serial}.` : 'Nothing to deploy.')
        return result
      } finally {
        clearInterval(timer)
      }
    } finally {
      await close()
    }
  }
}
