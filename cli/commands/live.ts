import { Flags } from '@oclif/core'
import { openAnswers } from '../app/query.ts'
import { CcsCommand, durationFlag, targetFlag } from '../command.ts'
import { type LiveData, renderLive } from '../domain/live/live-lines.ts'
import { readLive } from '../domain/live/read-live.ts'

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
    const project = await this.loadProject(flags)
    const isOnce = flags.once || this.jsonEnabled() || !process.stdout.isTTY
    for (let isFirst = true; ; isFirst = false) {
      const answers = await openAnswers(project)
      const data = await readLive({
        query: (sql) => answers.query(sql),
        status: () => answers.status(),
        nowMs: () => clock.nowMs(),
      }).finally(() => answers.close())
      const lines = renderLive(data, this.width, (style, text) => this.paint(style, text))
      if (isOnce) for (const line of lines) this.print(line)
      else this.redraw(lines, isFirst)
      if (isOnce || stop.aborted) return data
      await clock.sleep(flags.every, stop)
      if (stop.aborted) return data
    }
  }
}
