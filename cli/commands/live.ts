import { Flags } from '@oclif/core'
import { openLive } from '../app/live.ts'
import { CcsCommand, durationFlag, targetFlag } from '../command.ts'
import { type LiveData, renderLive } from '../domain/live/live-lines.ts'

export default class Live extends CcsCommand<LiveData> {
  static override summary = 'Watch what is happening right now.'
  static override description =
    'Redraws on a terminal; elsewhere, and with --once, it prints the numbers once and ends.'
  static override examples = ['<%= config.bin %> live', '<%= config.bin %> live --once --json']
  static override flags = {
    target: targetFlag,
    once: Flags.boolean({ summary: 'Print once and end.' }),
    every: durationFlag({ summary: 'Time between two updates.', default: 1_000 }),
  }

  async run(): Promise<LiveData> {
    const { flags } = await this.parse(Live)
    const stop = this.abortOnSignal()
    const clock = this.clock
    const live = await openLive(await this.loadProject(flags))
    const isOnce = flags.once || this.jsonEnabled() || !process.stdout.isTTY
    try {
      for (let isFirst = true; ; isFirst = false) {
        const data = await live.read()
        const lines = renderLive(data, this.width, (style, text) => this.paint(style, text))
        if (isOnce) for (const line of lines) this.print(line)
        else this.redraw(lines, isFirst)
        if (isOnce || stop.aborted) return data
        await clock.sleep(flags.every, stop)
        if (stop.aborted) return data
      }
    } finally {
      await live.close()
    }
  }
}
