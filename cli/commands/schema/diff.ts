import { Args, Flags } from '@oclif/core'
import { openRegistryDiffs } from '../../app/schema.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { groupSchemasByTopic } from '../../domain/schemas/history.ts'
import { diffTopics, type TopicDiff } from '../../domain/schemas/list.ts'
import type { RegistryDiff } from '../../domain/schemas/registry-topics.ts'

interface SchemaDiffResult {
  readonly topics: readonly (TopicDiff | RegistryDiff)[]
}

const STYLES = { additive: 'green', 'forward-only': 'yellow', breaking: 'red' } as const
const SIGNS = { added: '+', removed: '-', renamed: '~', changed: '~' } as const

export default class SchemaDiff extends CcsCommand<SchemaDiffResult> {
  static override summary = 'Show which fields changed since a kept version, and whom that affects.'
  static override description =
    'additive: all readers can read all records. forward-only: the new schema can read old ' +
    'records, old readers cannot read new ones. breaking: the new schema cannot read old ' +
    'records. With --target: the changes since the newest version in the registry of that ' +
    'target, and the versions that only the files or only the registry have.'
  static override examples = [
    '<%= config.bin %> schema diff',
    '<%= config.bin %> schema diff events.raw --from 1',
    '<%= config.bin %> schema diff --target kafka',
  ]
  static override args = {
    topic: Args.string({ description: 'One topic, such as events.raw; default: all.' }),
  }
  static override flags = {
    from: Flags.integer({
      summary: 'Version to compare with; default: the newest that differs.',
      min: 1,
      helpValue: 'N',
    }),
    target: targetFlag,
  }

  async run(): Promise<SchemaDiffResult> {
    const { args, flags } = await this.parse(SchemaDiff)
    const project = await this.loadProject(flags)
    const { topic } = args
    if (project.target.name === 'local') {
      const topics = diffTopics(groupSchemasByTopic(project.schemas), { topic, from: flags.from })
      const changed = topics.filter((one) => one.changes.length > 0)
      for (const one of changed)
        this.#printTopic(`${one.topic}, version ${one.from} to the one in force`, one)
      if (changed.length === 0) this.print('No field differs from the kept versions.')
      return { topics }
    }
    const topics = await openRegistryDiffs(project, { topic, from: flags.from })
    const isSame = topics.map((one) => this.#printRegistry(one)).every((printed) => !printed)
    if (isSame) this.print(`The registry of ${project.target.name} has all versions, and no more.`)
    return { topics }
  }

  #printTopic(title: string, { changes }: TopicDiff): void {
    this.print(this.paint('bold', title))
    for (const { path, change, category, details } of changes) {
      const head = `${SIGNS[change]} ${path || 'the record'}`
      this.print(
        `  ${this.paint(STYLES[category], category.padEnd(12))}  ${head}: ${details.join('; ')}`,
      )
    }
    this.print()
  }

  /** Prints the differences; returns whether there were any. */
  #printRegistry(one: RegistryDiff): boolean {
    const { subject, from, unregistered, unknown, changes } = one
    if (from === null) this.print(`${this.paint('bold', subject)} is not registered.`)
    else if (changes.length > 0)
      this.#printTopic(`${subject}, version ${from} of the registry to the one in force`, one)
    const list = (numbers: readonly number[]) => numbers.join(', ')
    if (from !== null && unregistered.length > 0)
      this.print(`${subject}: the registry lacks version ${list(unregistered)} of the files.`)
    if (unknown.length > 0)
      this.print(`${subject}: no file has the registry's version ${list(unknown)}.`)
    return from === null || changes.length + unregistered.length + unknown.length > 0
  }
}
