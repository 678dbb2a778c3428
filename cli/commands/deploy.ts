import { Args, Flags } from '@oclif/core'
import { openCluster } from '../app/deploy.ts'
import { deployedLogic, openLogic } from '../app/project-logic.ts'
import { openDeployment } from '../app/targets/embedded.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { type DeployResult, deploy, refusal } from '../domain/deploy/deploy-embedded.ts'
import { runDeployment, type SessionResult } from '../domain/deploy/deploy-session.ts'
import { widestEffect } from '../domain/deploy/plan/plan.ts'
import { planLines } from '../domain/deploy/plan/plan-text.ts'
import { readSavedPlan } from '../domain/deploy/plan/target-plan-result.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { Project } from '../project.ts'

interface DeployFlags {
  readonly yes: boolean
  readonly rebuild: boolean
  readonly 'allow-destructive': boolean
}

export default class Deploy extends CcsCommand<DeployResult | SessionResult> {
  static override summary =
    'Apply the plan: changed rows are made beside the old ones, then swapped.'
  static override description =
    'Repeating it does nothing. After a crash at any step, the next deploy finishes the work.'
  static override examples = [
    '<%= config.bin %> deploy',
    '<%= config.bin %> deploy --yes --json',
    '<%= config.bin %> deploy plan.json --target kafka',
  ]
  static override args = {
    plan: Args.string({
      description: 'A plan kept by `ccs plan --out`; refused when anything moved since.',
    }),
  }
  static override flags = {
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    rebuild: Flags.boolean({ summary: 'Make all rows anew from the log, changed or not.' }),
    'allow-destructive': Flags.boolean({
      summary: 'Also delete: rows of models whose file is gone, topics, subjects, old records.',
    }),
    target: targetFlag,
  }

  async run(): Promise<DeployResult | SessionResult> {
    const { args, flags } = await this.parse(Deploy)
    const project = await this.loadProject(flags)
    if (project.target.kafka) return this.#deployCluster(project, flags, args.plan)
    if (args.plan !== undefined)
      throw new CcsError('CCS_USAGE_INVALID', 'A kept plan is for targets on Kafka.', {
        exit: EXIT.usage,
        hint: `Name its target: ccs deploy ${args.plan} --target NAME`,
      })
    return this.#deployLocal(project, flags)
  }

  async #deployCluster(
    project: Project,
    flags: DeployFlags,
    file: string | undefined,
  ): Promise<SessionResult> {
    const { name } = project.target
    const saved = file === undefined ? undefined : await readPlan(file, name)
    const isRebuild = flags.rebuild
    const cluster = await openCluster(project, await openLogic(project), { isRebuild })
    try {
      return await runDeployment(
        cluster,
        {
          yes: flags.yes,
          allowDestructive: flags['allow-destructive'],
          isRebuild,
          command: `ccs deploy --target ${name}`,
          ...(saved === undefined ? {} : { fingerprint: saved }),
        },
        {
          print: (line) => this.print(line),
          confirm: (question) => this.confirm(question),
        },
      )
    } finally {
      await cluster.close()
    }
  }

  async #deployLocal(project: Project, flags: DeployFlags): Promise<DeployResult> {
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

/** The fingerprint of a kept plan for this target. */
async function readPlan(file: string, target: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CcsError('CCS_USAGE_INVALID', `${file} can't be read.`, {
      exit: EXIT.usage,
      hint: `Make a plan: ccs plan --target ${target} --out ${file}`,
      cause,
    })
  })
  const saved = readSavedPlan(file, text)
  if (saved.target === target) return saved.fingerprint
  throw new CcsError('CCS_USAGE_INVALID', `${file} is a plan for target ${saved.target}.`, {
    exit: EXIT.usage,
    hint: `ccs deploy ${file} --target ${saved.target}`,
  })
}
