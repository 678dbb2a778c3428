import { Flags } from '@oclif/core'
import { pruneProjectLog } from '../../app/log.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { formatRetention } from '../../domain/config/retention.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'
import type { PruneResult } from '../../domain/lake/prune.ts'
import { hasRetention, listRetained } from '../../domain/lake/prune-plan.ts'
import { describePruned } from '../../domain/lake/prune-text.ts'
import type { Project } from '../../project.ts'

export default class LogPrune extends CcsCommand<PruneResult> {
  static override aliases = ['prune']

  static override summary = 'Remove records of the log that `retention` in ccs.yml no longer keeps.'
  static override description =
    'Shows the plan first. Only whole segments of the log go, the oldest first, and only ' +
    'records that are committed: accepted ones are in Bronze, rejected ones in events.dlq. ' +
    'Bronze, Silver and Gold stay. Beside a running engine, the engine does it; it also prunes ' +
    'by itself, once an hour. A later `ccs deploy --rebuild` needs `ccs log repair --pruned`, ' +
    'which makes the records again from Bronze. Exit code 3: there is something to remove, and ' +
    'it was not confirmed.'
  static override examples = ['<%= config.bin %> prune', '<%= config.bin %> prune --yes --json']

  static override flags = {
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    target: targetFlag,
  }

  async run(): Promise<PruneResult> {
    const { flags } = await this.parse(LogPrune)
    const project = await this.loadProject(flags)
    const confirm = async (plan: PruneResult) => {
      this.#show(plan)
      return flags.yes || (await this.confirm('Remove them?'))
    }
    const result = await recordCommand(project, this, () => pruneProjectLog(project, confirm))
    this.#finish(project, result)
    return result
  }

  #show({ partitions }: PruneResult): void {
    this.printTable(
      [
        { key: 'name', title: 'partition', align: 'left' },
        { key: 'segments', title: 'files' },
        { key: 'records' },
        { key: 'appended', align: 'left' },
        { key: 'size', title: 'frees', align: 'right' },
        { key: 'kept', title: 'stays', align: 'left' },
      ],
      partitions.map(describeRow),
    )
  }

  #finish({ config: { retention } }: Project, result: PruneResult): void {
    if (result.applied) {
      this.print(describePruned(result))
      return
    }
    if (result.records > 0) {
      this.note('Nothing was changed. To remove them: ccs prune --yes')
      this.exitWith(EXIT.changes)
      return
    }
    if (!hasRetention(retention)) {
      this.print('Nothing to remove: everything is kept forever.')
      this.note('To keep less of the log: retention.events.raw in ccs.yml, such as 30 days')
      return
    }
    const kept = listRetained(retention).map(
      ({ topic, keptMs }) => `${topic} for ${formatRetention(keptMs)}`,
    )
    this.print(`Nothing to remove: ${kept.join(', ').replaceAll('for forever', 'forever')}.`)
    this.#waiting(result)
  }

  #waiting({ partitions }: PruneResult): void {
    for (const { topic, partition, waiting } of partitions)
      if (waiting > 0)
        this.note(
          `${formatCount(waiting)} segments of ${topic}-${partition} are old enough, but have ` +
            'records that are not committed yet: ccs run --once',
        )
  }
}

function describeRow(one: PruneResult['partitions'][number]) {
  const { topic, partition, bytes, first, until, keptSegments, keptBytes, waiting } = one
  const files = `${formatCount(keptSegments)} ${keptSegments === 1 ? 'file' : 'files'}`
  const held = waiting > 0 ? `, ${formatCount(waiting)} not committed yet` : ''
  return {
    ...one,
    name: `${topic}-${partition}`,
    appended: first === null || until === null ? '' : describeDays(first, until),
    size: formatBytes(bytes),
    kept: `${files}, ${formatBytes(keptBytes)}${held}`,
  }
}

function describeDays(first: string, until: string): string {
  const [from, to] = [first.slice(0, 10), until.slice(0, 10)]
  return from === to ? from : `${from} to ${to}`
}
