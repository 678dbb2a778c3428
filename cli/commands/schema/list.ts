import { CcsCommand } from '../../command.ts'
import { topicSchemas } from '../../core/schema-history.ts'
import { type ListedTopic, listTopics } from '../../flows/schema-list.ts'

interface SchemaListResult {
  readonly topics: readonly ListedTopic[]
}

export default class SchemaList extends CcsCommand<SchemaListResult> {
  static override summary = 'List topics with their versions, ids, fingerprints and fields.'
  static override description =
    'The fingerprint is the SHA-256 of a schema without layout and documentation. Fields themselves are in --json.'
  static override examples = [
    '<%= config.bin %> schema list',
    '<%= config.bin %> schema list --json',
  ]

  async run(): Promise<SchemaListResult> {
    const { flags } = await this.parse(SchemaList)
    const { schemas } = await this.loadProject(flags)
    const topics = listTopics(topicSchemas(schemas))
    this.printTable(
      [
        { key: 'topic' },
        { key: 'versions' },
        { key: 'ids' },
        { key: 'fingerprint' },
        { key: 'fields' },
      ],
      topics.map((one) => ({
        topic: one.topic,
        versions: one.versions.map(({ version }) => version).join(' '),
        ids: one.versions.map(({ id }) => id).join(' '),
        fingerprint: one.fingerprint?.slice(0, 16) ?? 'none in force',
        fields: one.fields.length,
      })),
    )
    return { topics }
  }
}
