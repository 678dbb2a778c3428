import { openRegistryList } from '../../app/schema.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { groupSchemasByTopic } from '../../domain/schemas/history.ts'
import { type ListedTopic, listTopics } from '../../domain/schemas/list.ts'
import type { ListedSubject } from '../../domain/schemas/registry-topics.ts'

interface SchemaListResult {
  readonly topics: readonly (ListedTopic | ListedSubject)[]
  /** With a target: subjects with its prefix that have no file. */
  readonly others?: readonly string[]
}

export default class SchemaList extends CcsCommand<SchemaListResult> {
  static override summary = 'List topics with their versions, ids, fingerprints and fields.'
  static override description =
    'The fingerprint is the SHA-256 of a schema without layout and documentation. --json also ' +
    'lists the fields. With --target: the versions in the registry of that target, with their ' +
    'ids.'
  static override examples = [
    '<%= config.bin %> schema list',
    '<%= config.bin %> schema list --json',
    '<%= config.bin %> schema list --target kafka',
  ]
  static override flags = { target: targetFlag }

  async run(): Promise<SchemaListResult> {
    const { flags } = await this.parse(SchemaList)
    const project = await this.loadProject(flags)
    if (project.target.name !== 'local') {
      const result = await openRegistryList(project)
      this.#printRegistry(result.topics, result.others)
      return result
    }
    const topics = listTopics(groupSchemasByTopic(project.schemas))
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

  #printRegistry(topics: readonly ListedSubject[], others: readonly string[]): void {
    const words = (values: readonly unknown[]) => values.map((one) => one ?? '-').join(' ') || '-'
    this.printTable(
      [
        { key: 'subject' },
        { key: 'level', align: 'left' },
        { key: 'versions' },
        { key: 'ids' },
        { key: 'kept', title: 'as kept' },
        { key: 'missing', title: 'not there' },
      ],
      topics.map(({ subject, level, versions, unregistered }) => ({
        subject,
        level: versions.length === 0 ? '-' : level,
        versions: words(versions.map((one) => one.version)),
        ids: words(versions.map((one) => one.id)),
        kept: words(versions.map((one) => one.kept)),
        missing: words(unregistered),
      })),
    )
    if (others.length > 0) this.note(`Subjects without a file: ${others.join(', ')}`)
  }
}
