import { Args } from '@oclif/core'
import { openServerTarget } from '../app/deploy.ts'
import { recordCommand } from '../app/store.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { type AdoptResult, adoptResources } from '../domain/deploy/adopt-resources.ts'
import { CcsError } from '../domain/kernel/errors.ts'

const KINDS = ['topic', 'subject', 'connector'] as const

export default class Adopt extends CcsCommand<AdoptResult> {
  static override summary =
    'Take over topics, subjects or connectors that existed before ccs, unchanged.'
  static override description =
    'Changes only the deployment record of the target; the next plan shows how they differ from ' +
    'the project. Without names: everything that the plan refuses because ccs did not create it.'
  static override examples = [
    '<%= config.bin %> adopt --target kafka',
    '<%= config.bin %> adopt topic events.raw --target kafka',
  ]
  static override strict = false
  static override args = {
    kind: Args.string({ description: 'Kind of the resources.', options: [...KINDS] }),
    names: Args.string({ description: 'Their names on the cluster.' }),
  }
  static override flags = { target: targetFlag }

  async run(): Promise<AdoptResult> {
    const { args, argv, flags } = await this.parse(Adopt)
    const kind = KINDS.find((one) => one === args.kind)
    // The arguments are texts; the first is the kind.
    const names = argv.slice(1) as string[]
    if (kind !== undefined && names.length === 0)
      throw new CcsError('CCS_USAGE_INVALID', `Which ${kind}? No name was given.`, {
        hint: `ccs adopt ${kind} NAME; or everything that exists, of any kind: ccs adopt`,
      })
    const project = await this.loadProject(flags)
    const { target, close } = await openServerTarget(project)
    try {
      const which = kind === undefined ? undefined : { kind, names }
      const result = await recordCommand(project, this, () => adoptResources(target, which))
      for (const one of result.adopted) this.print(`${one.kind} ${one.name}: taken over as it is`)
      this.print(
        result.adopted.length === 0
          ? 'Nothing to take over.'
          : `How they differ from the project: ccs plan --target ${result.target}`,
      )
      return result
    } finally {
      await close()
    }
  }
}
