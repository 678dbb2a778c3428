import { Args, Flags } from '@oclif/core'
import { CcsCommand } from '../../command.ts'
import { topicSchemas } from '../../core/schema-history.ts'
import { diffTopics, type TopicDiff } from '../../flows/schema-list.ts'

interface SchemaDiffResult {
  readonly topics: readonly TopicDiff[]
}

const STYLES = { additive: 'green', 'forward-only': 'yellow', breaking: 'red' } as const
const SIGNS = { added: '+', removed: '-', renamed: '~', changed: '~' } as const

export default class SchemaDiff extends CcsCommand<SchemaDiffResult> {
  static override summary = 'Show which fields changed since a kept version, and for whom.'
  static override description =
    'additive: all readers read all records. forward-only: the new schema reads old records, old readers do not read new ones. breaking: the new schema does not read old records.'
  static override examples = [
    '<%= config.bin %> schema diff',
    '<%= config.bin %> schema diff events.raw --from 1',
  ]
  static override args = {
    topic: Args.string({ description: 'One topic, such as events.raw; default: all.' }),
  }
  static override flags = {
    from: Flags.integer({
      summary: 'Kept version to compare with; default: the newest that differs.',
      min: 1,
      helpValue: 'N',
    }),
  }

  async run(): Promise<SchemaDiffResult> {
    const { args, flags } = await this.parse(SchemaDiff)
    const { schemas } = await this.loadProject(flags)
    const { topic } = args
    const topics = diffTopics(topicSchemas(schemas), { topic, from: flags.from })
    const changed = topics.filter((one) => one.changes.length > 0)
    for (const one of changed) {
      this.print(this.paint('bold', `${one.topic}, version ${one.from} to the one in force`))
      for (const { path, change, category, details } of one.changes) {
        const head = `${SIGNS[change]} ${path || 'the record'}`
        this.print(
          `  ${this.paint(STYLES[category], category.padEnd(12))}  ${head}: ${details.join('; ')}`,
        )
      }
      this.print()
    }
    if (changed.length === 0) this.print('No field differs from the kept versions.')
    return { topics }
  }
}
