import { Args, Flags } from '@oclif/core'
import { openRollback } from '../app/deploy.ts'
import { recordCommand } from '../app/store.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { type DeployResult, deployTarget } from '../domain/deploy/deploy.ts'

export interface RollbackResult extends DeployResult {
  /** The deployment that was returned to. */
  readonly to: number
  /** Files of the project that differ from what runs now. */
  readonly differing: readonly string[]
}

export default class Rollback extends CcsCommand<RollbackResult> {
  static override summary = 'Return a target to an earlier deployment; the plan is shown first.'
  static override description =
    'Restores models, settings of topics, and connectors. Schemas stay, because records carry ' +
    'their versions, and so do partitions. The files of the project are not changed: they differ ' +
    'from what runs until you restore them too.'
  static override examples = [
    '<%= config.bin %> rollback --target kafka',
    '<%= config.bin %> rollback 12 --target kafka --yes',
  ]
  static override args = {
    serial: Args.integer({
      description: 'Number of the deployment; default: the one before the current.',
      min: 1,
    }),
  }
  static override flags = {
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    'allow-destructive': Flags.boolean({ summary: 'Also delete what was added since.' }),
    target: targetFlag,
  }

  async run(): Promise<RollbackResult> {
    const { args, flags } = await this.parse(Rollback)
    const project = await this.loadProject(flags)
    const { name } = project.target
    const { target, to, differing, close } = await openRollback(project, args.serial, {
      mayLoseRows: flags['allow-destructive'],
      onNotice: (text) => this.note(text),
    })
    try {
      const at = new Date(to.deployedMs).toISOString()
      this.print(`Back to deployment no. ${to.serial} of ${at} by ${to.by}.`)
      const rollback = () =>
        deployTarget(
          target,
          {
            yes: flags.yes,
            asksAlways: true,
            allowDestructive: flags['allow-destructive'],
            command: `ccs rollback ${to.serial} --target ${name}`,
          },
          { print: (line) => this.print(line), confirm: (question) => this.confirm(question) },
        )
      const result = await recordCommand(project, this, rollback)
      if (differing.length > 0)
        this.note(
          `The project differs from what is deployed now: ${differing.join(', ')}. ` +
            'Restore these files too, or ' +
            `go forward again: ccs deploy --target ${name}`,
        )
      return { ...result, to: to.serial, differing }
    } finally {
      await close()
    }
  }
}
