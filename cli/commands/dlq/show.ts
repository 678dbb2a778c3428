import { Args } from '@oclif/core'
import { CcsCommand } from '../../command.ts'
import { type DlqRecord, parseRejectRef, rejectLines, showReject } from '../../flows/dlq.ts'
import { openDlq } from '../../open-reader.ts'

export default class DlqShow extends CcsCommand<DlqRecord> {
  static override summary = 'Show one reject: why, from where, its bytes, and what they may mean.'
  static override examples = [
    '<%= config.bin %> dlq show 0:42',
    '<%= config.bin %> dlq show 42 --json',
  ]
  static override args = {
    offset: Args.string({
      required: true,
      description: 'Offset in events.dlq, or partition:offset; partition 0 is the engine’s.',
    }),
  }

  async run(): Promise<DlqRecord> {
    const { args, flags } = await this.parse(DlqShow)
    const place = parseRejectRef(args.offset)
    const open = await openDlq(await this.loadProject(flags))
    try {
      const record = await showReject(open, place)
      for (const line of rejectLines(record)) this.print(line)
      return record
    } finally {
      await open.close()
    }
  }
}
