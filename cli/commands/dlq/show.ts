import { Args, Flags } from '@oclif/core'
import { openDlqShow } from '../../app/dlq.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { maskReject } from '../../domain/dlq/mask-reject.ts'
import {
  type DlqRecord,
  findReject,
  renderReject,
  showReject,
} from '../../domain/dlq/show-reject.ts'
import { toJsonValue } from '../../domain/log/decoded-record.ts'
import type { Project } from '../../project.ts'

export default class DlqShow extends CcsCommand<DlqRecord> {
  static override summary =
    'Show one reject: reason, source, bytes, and the event that they may contain.'
  static override description =
    'Bytes that are an event of a known schema are shown decoded, whatever rule the event ' +
    'breaks; damaged bytes as far as they can be decoded, with the position where that ends. ' +
    'Fields with a class in the schema of events (pii) are shown by their pseudonyms, or not at ' +
    'all, and the bytes are left out, without --plain.'
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

  static override flags = {
    target: targetFlag,
    plain: Flags.boolean({
      summary: 'Show fields with a class as they came; the history records it.',
    }),
  }

  async run(): Promise<DlqRecord> {
    const { args, flags } = await this.parse(DlqShow)
    const project = await this.loadProject(flags)
    const show = () => this.#show(project, args.offset, flags.plain)
    return flags.plain ? recordCommand(project, this, show) : show()
  }

  async #show(project: Project, place: string, isPlain: boolean): Promise<DlqRecord> {
    const open = await openDlqShow(project, { isPlain, onNotice: (text) => this.note(text) })
    try {
      const found = await showReject(open, await findReject(open, place))
      const record = open.mask === undefined ? found : maskReject(found, open.mask)
      for (const line of renderReject(record)) this.print(line)
      // The same, with bytes and large numbers as JSON can carry them.
      return toJsonValue(record) as DlqRecord
    } finally {
      await open.close()
    }
  }
}
