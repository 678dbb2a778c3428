import { Flags } from '@oclif/core'
import { collect } from '../../app/collect.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import type { Collected } from '../../domain/dlq/collect-until-stopped.ts'
import { formatCount } from '../../domain/kernel/units.ts'

export default class DlqCollect extends CcsCommand<Collected> {
  static override summary =
    'Record as rejects what the engine of a target could not read, from its log.'
  static override description =
    'For clusters without ccs gate. Reads the server’s processing log from where the last run ' +
    'ended, finds out with the pipeline’s own checks what is wrong with the bytes, and writes ' +
    'each record to events.dlq once, although every query logs it. Only one collector runs at a ' +
    'time; after a kill, the next run continues.'
  static override examples = [
    '<%= config.bin %> dlq collect --target staging',
    '<%= config.bin %> dlq collect --target staging --follow',
  ]
  static override flags = {
    target: targetFlag,
    follow: Flags.boolean({ summary: 'Go on until stopped.' }),
    log: Flags.string({
      helpValue: 'TOPIC',
      summary: 'Full name of the processing log’s topic; default: what the server says.',
    }),
  }

  async run(): Promise<Collected> {
    const { flags } = await this.parse(DlqCollect)
    const project = await this.loadProject(flags)
    let rowsShown = 0
    const result = await collect(project, {
      isFollowing: flags.follow,
      signal: this.abortOnSignal(),
      ...(flags.log === undefined ? {} : { log: flags.log }),
      onNotice: (text) => this.note(text),
      onProgress: ({ rows, collected }) => {
        if (rows === rowsShown) return
        rowsShown = rows
        this.statusLine(`${formatCount(rows)} rows read, ${formatCount(collected)} rejects written`)
      },
    })
    this.#show(result)
    return result
  }

  #show({ log, rows, collected, repeated, withoutBytes, other, missing, reasons }: Collected) {
    const line = (count: number, what: string) => {
      if (count > 0) this.print(`${formatCount(count).padStart(9)}  ${what}`)
    }
    if (rows === 0) this.print(`Nothing new in ${log}.`)
    line(rows, `rows of ${log}`)
    for (const [reason, count] of Object.entries(reasons)) line(count, `written as ${reason}`)
    line(repeated, 'of records that are already in events.dlq')
    line(other, 'about other topics or other faults')
    line(withoutBytes, 'without the record')
    line(missing, 'expired before they were read')
    if (withoutBytes > 0)
      this.note('The server leaves the records out of its log; docs/dlq.md has the setting.')
    if (collected > 0) this.note('List them: ccs dlq ls')
  }
}
