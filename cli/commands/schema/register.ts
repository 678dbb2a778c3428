import { Args, Flags } from '@oclif/core'
import { openRegister } from '../../app/schema.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import { formatBreak, formatTopicCheck } from '../../domain/schemas/check-text.ts'
import type { RegistryRejection, SchemaRegisterResult } from '../../domain/schemas/register.ts'

export default class SchemaRegister extends CcsCommand<SchemaRegisterResult> {
  static override summary = "Register every kept version of the schemas in a target's registry."
  static override description =
    'First checks everything, against the files and by the registry; exit code 5: a schema is ' +
    'incompatible, and nothing was registered. A new subject gets the level BACKWARD_TRANSITIVE. ' +
    'Repeating it changes nothing.'
  static override examples = [
    '<%= config.bin %> schema register --target kafka --dry-run',
    '<%= config.bin %> schema register events.raw --target kafka',
  ]
  static override strict = false
  static override args = {
    subjects: Args.string({ description: 'Topics or subjects, such as events.raw; default: all.' }),
  }
  static override flags = {
    target: targetFlag,
    'dry-run': Flags.boolean({
      summary: 'Check and show what would be registered; register nothing.',
    }),
  }

  async run(): Promise<SchemaRegisterResult> {
    const { argv, flags } = await this.parse(SchemaRegister)
    const project = await this.loadProject(flags)
    const result = await openRegister(project, {
      names: argv.map(String),
      dryRun: flags['dry-run'],
    })
    for (const topic of result.topics) this.#printAll(formatTopicCheck(topic, this.#paint))
    for (const rejection of result.refused) this.#printRejection(rejection)
    if (result.versions.length > 0)
      this.printTable(
        [
          { key: 'subject' },
          { key: 'kept' },
          { key: 'version' },
          { key: 'id' },
          { key: 'state', align: 'left' },
        ],
        result.versions.map((one) => ({
          ...one,
          version: one.version ?? '-',
          id: one.id ?? '-',
          state: one.state === 'pending' ? 'would be registered' : one.state,
        })),
      )
    for (const { subject, level } of result.levels)
      this.note(`${subject} has the level ${level}; ccs checks BACKWARD_TRANSITIVE.`)
    if (!result.ok) {
      this.print(`${this.paint('red', 'failed')}  Nothing was registered.`)
      this.exitWith(EXIT.checkFailed)
    }
    return result
  }

  #paint = (style: 'red' | 'yellow' | 'bold', text: string) => this.paint(style, text)

  #printAll(lines: readonly string[]): void {
    for (const line of lines) this.print(line)
  }

  #printRejection({ subject, kept, level, breaks }: RegistryRejection): void {
    this.print(`${this.paint('bold', subject)}, version ${kept} of the files`)
    this.print(`  ${this.paint('red', 'refused')}  by the registry, ${level}`)
    for (const one of breaks) this.#printAll(formatBreak(one, this.#paint))
    if (breaks.length === 0)
      this.print(
        '  ccs finds nothing incompatible: this is a rule of the registry. docs/schemas.md',
      )
    this.print()
  }
}
