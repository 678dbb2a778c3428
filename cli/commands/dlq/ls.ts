import { CcsCommand } from '../../command.ts'
import { formatCount } from '../../core/units.ts'
import { type DlqList, groupLines, listRejects } from '../../flows/dlq.ts'
import { openDlq } from '../../open-reader.ts'

export default class DlqLs extends CcsCommand<DlqList> {
  static override summary = 'List what was rejected, by reason and kind.'
  static override description =
    'Groups the records of events.dlq by reason code and by what their messages say, without the values in them; the engine’s rejects and those of imports alike.'
  static override examples = ['<%= config.bin %> dlq ls', '<%= config.bin %> dlq ls --json']

  async run(): Promise<DlqList> {
    const { flags } = await this.parse(DlqLs)
    const open = await openDlq(await this.loadProject(flags))
    try {
      const progress = this.progress('reading')
      const list = await listRejects(open, (done, total) => progress.update(done, total))
      progress.end()
      if (list.total === 0) this.print('Nothing was rejected.')
      else {
        for (const line of groupLines(list.groups, this.width)) this.print(line)
        this.note(`${formatCount(list.total)} rejects. Look at one: ccs dlq show SAMPLE`)
      }
      return list
    } finally {
      await open.close()
    }
  }
}
