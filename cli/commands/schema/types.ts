import { Args, Flags } from '@oclif/core'
import { writeSchemaTypes } from '../../app/schema.ts'
import { CcsCommand } from '../../command.ts'
import type { SchemaTypes } from '../../domain/schemas/topic-types.ts'

export default class SchemaTypesCommand extends CcsCommand<SchemaTypes> {
  static override summary = 'Print the TypeScript types of the schemas, or write them to a file.'
  static override description =
    'Without names: the topics that no model makes, such as events.raw and events.dlq.'
  static override examples = [
    '<%= config.bin %> schema types',
    '<%= config.bin %> schema types silver.orders --out src/orders.ts',
  ]
  static override strict = false
  static override args = {
    topics: Args.string({ description: 'Topics, such as events.raw silver.orders.' }),
  }
  static override flags = {
    out: Flags.string({ summary: 'File to write instead of printing.', helpValue: 'FILE' }),
  }

  protected override readonly writesSources = true

  async run(): Promise<SchemaTypes> {
    const { argv, flags } = await this.parse(SchemaTypesCommand)
    const project = await this.loadProject(flags)
    const result = await writeSchemaTypes(project, { topics: argv.map(String), out: flags.out })
    if (flags.out === undefined) this.printLines(result.types.trimEnd().split('\n'))
    else this.note(`${result.changed ? 'Written' : 'Unchanged'}: ${flags.out}`)
    return result
  }
}
