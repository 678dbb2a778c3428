import { Args } from '@oclif/core'
import { openDlqShow } from '../../app/dlq.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import {
  type DlqRecord,
  findReject,
  renderReject,
  showReject,
} from '../../domain/dlq/show-reject.ts'
import { toJsonValue } from '../../domain/log/decoded-record.ts'

export default class DlqShow extends CcsCommand<DlqRecord> {
  static override summary =
    'Show one reject: reason, source, bytes, and the event that they may contain.'
  static override description =
    'Bytes that are an event of a known schema are shown decoded, whatever rule the event ' +
    'breaks; damaged bytes as far as they can be decoded, with the position where that ends.'
  static override examples = [
    '<%= config.bin %> dlq show 0:42',
    '<%= config.bin %> dlq show f3a91c02',
    '<%= config.bin %> dlq show 42 --json',
  ]
  static override args = {
    offset: Args.string({
      required: true,
      description:
        'Offset in events.dlq, or partition:offset; partition 0 is the engine’s. Or a ' +
        'fingerprint from ccs dlq ls: the newest reject of that group.',
    }),
  }

  static override flags = { target: targetFlag }

  async run(): Promise<DlqRecord> {
    const { args, flags } = await this.parse(DlqShow)
    const open = await openDlqShow(await this.loadProject(flags))
    try {
      const record = await showReject(open, await findReject(open, args.offset))
      for (const line of renderReject(record)) this.print(line)
      // The same, with bytes and large numbers as JSON can carry them.
      return toJsonValue(record) as DlqRecord
    } finally {
      await open.close()
    }
  }
}
