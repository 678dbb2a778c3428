import { Flags } from '@oclif/core'
import { openDlqList } from '../../app/dlq.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { type DlqList, listRejects, renderGroups } from '../../domain/dlq/list-rejects.ts'
import { parseSinceMs } from '../../domain/kernel/time-argument.ts'
import { formatCount } from '../../domain/kernel/units.ts'

export default class DlqLs extends CcsCommand<DlqList> {
  static override summary = 'List what was rejected, by reason and kind.'
  static override description =
    'Groups the records of events.dlq by reason code, by message without the values in it, and ' +
    'by schema; the fingerprint of a group never changes. Includes rejects of the engine and of ' +
    'imports.'
  static override examples = [
    '<%= config.bin %> dlq ls',
    '<%= config.bin %> dlq ls --reason rule_violation --since 2h',
    '<%= config.bin %> dlq ls --where "event_type = \'purchase\'" --json',
  ]
  static override flags = {
    target: targetFlag,
    reason: Flags.string({ helpValue: 'CODE', summary: 'Only rejects with this reason code.' }),
    since: Flags.string({
      helpValue: '2h|TIME',
      summary: 'Only rejects first seen since then: a length of time, or ISO 8601.',
    }),
    where: Flags.string({
      helpValue: 'SQL',
      summary:
        'Only rejects for which this predicate holds, over columns of the reject and fields of ' +
        'its event; see docs/dlq.md.',
    }),
  }

  async run(): Promise<DlqList> {
    const { flags } = await this.parse(DlqLs)
    const sinceMs = flags.since === undefined ? undefined : parseSinceMs(flags.since, Date.now())
    const open = await openDlqList(await this.loadProject(flags), flags.where)
    try {
      const progress = this.progress('reading')
      const list = await listRejects(open, {
        onProgress: (done, total) => progress.update(done, total),
        ...(flags.reason === undefined ? {} : { reason: flags.reason }),
        ...(sinceMs === undefined ? {} : { sinceMs }),
      })
      progress.end()
      const isFiltered = flags.reason ?? flags.since ?? flags.where
      if (list.total === 0) this.print(isFiltered ? 'No such reject.' : 'Nothing was rejected.')
      else {
        for (const line of renderGroups(list.groups, this.width)) this.print(line)
        this.note(`${formatCount(list.total)} rejects. To see one: ccs dlq show SAMPLE`)
      }
      return list
    } finally {
      await open.close()
    }
  }
}
