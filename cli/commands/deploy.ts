import { Args, Flags } from '@oclif/core'
import { openTarget } from '../app/deploy.ts'
import { recordCommand } from '../app/store.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { type DeployResult, deployTarget } from '../domain/deploy/deploy.ts'
import { readSavedPlan } from '../domain/deploy/plan/plan-document.ts'
import { CcsError } from '../domain/kernel/errors.ts'

/** `ccs deploy`. */
export default class Deploy extends CcsCommand<DeployResult> {
  static override summary =
    'Apply the plan: changed rows are built beside the old ones, then swapped in.'
  static override description =
    'Repeating it does nothing. After a crash at any step, the next deploy finishes the work.'
  static override examples = [
    '<%= config.bin %> deploy',
    '<%= config.bin %> deploy --yes --json',
    '<%= config.bin %> deploy plan.json --target kafka',
  ]
  static override args = {
    plan: Args.string({
      description: 'A plan saved by `ccs plan --out`; refused when anything changed since.',
    }),
  }
  static override flags = {
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    rebuild: Flags.boolean({ summary: 'Rebuild all rows from the log, changed or not.' }),
    'allow-destructive': Flags.boolean({
      summary:
        'Also delete: rows of models whose file is gone, rows that a rebuild can no longer make, ' +
        'topics, subjects, old records.',
    }),
    target: targetFlag,
  }

  async run(): Promise<DeployResult> {
    const { args, flags } = await this.parse(Deploy)
    const project = await this.loadProject(flags)
    const { name } = project.target
    const saved = args.plan === undefined ? undefined : await this.#readPlan(args.plan, name)
    const { target, close } = await openTarget(project, {
      isRebuild: flags.rebuild,
      mayLoseRows: flags['allow-destructive'],
      onNotice: (text) => this.note(text),
    })
    try {
      const deploying = () =>
        deployTarget(
          target,
          {
            yes: flags.yes,
            allowDestructive: flags['allow-destructive'],
            command: `ccs deploy --target ${name}${flags.rebuild ? ' --rebuild' : ''}`,
            ...(saved === undefined ? {} : { fingerprint: saved }),
          },
          {
            print: (line) => this.print(line),
            confirm: (question) => this.confirm(question),
            whileApplying: (run) => this.#showProgress(run),
          },
        )
      return await recordCommand(project, this, deploying)
    } finally {
      await close()
    }
  }

  async #showProgress<T>(run: () => Promise<T>): Promise<T> {
    const progress = this.progress('deploying')
    const timer = setInterval(() => progress.update(0), 500)
    try {
      return await run()
    } finally {
      clearInterval(timer)
      progress.end()
    }
  }

  /** The fingerprint of a saved plan for this target. */
  async #readPlan(file: string, target: string): Promise<string> {
    const { readFile } = await import('node:fs/promises')
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw new CcsError('CCS_USAGE_INVALID', `${file} can't be read.`, {
        hint: `Make a plan: ccs plan --target ${target} --out ${file}`,
        cause,
      })
    })
    const saved = readSavedPlan(file, text)
    if (saved.target === target) return saved.fingerprint
    throw new CcsError('CCS_USAGE_INVALID', `${file} is a plan for target ${saved.target}.`, {
      hint: `ccs deploy ${file} --target ${saved.target}`,
    })
  }
}
