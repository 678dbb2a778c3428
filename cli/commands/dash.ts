import { Flags } from '@oclif/core'
import { openDash } from '../app/page.ts'
import { CcsCommand, targetFlag } from '../command.ts'

/** What `--json` prints when it has ended. */
export interface DashResult {
  readonly url: string
}

export default class Dash extends CcsCommand<DashResult> {
  static override summary = 'Serve the live page of any data directory.'
  static override description =
    'Serves the same page as `ccs up` and `ccs run`, from a separate process: it queries the ' +
    'engine that runs on the data, and shows the last commit while none runs. Engines can be ' +
    'stopped and started meanwhile. Of a target whose models run as a job on a cluster, it ' +
    'follows the topics that the job fills.'
  static override examples = [
    '<%= config.bin %> dash',
    '<%= config.bin %> dash --data DIR --port 8091',
  ]
  static override flags = {
    target: targetFlag,
    port: Flags.integer({
      summary: 'Port on 127.0.0.1; 0 takes any free one.',
      min: 0,
      max: 65535,
    }),
  }

  async run(): Promise<DashResult> {
    const { flags } = await this.parse(Dash)
    const project = await this.loadProject(flags)
    const stop = this.abortOnSignal()
    const port = flags.port ?? project.config.http.port
    const dash = await openDash(project, { port, isPortRequired: flags.port !== undefined })
    try {
      this.notePort(port, dash.url)
      this.print(`The live page is at ${dash.url}. Ctrl-C ends it.`)
      this.print(`With single orders and events: ${dash.pageUrl}`)
      const clock = this.clock
      while (!stop.aborted) await clock.sleep(DAY_MS, stop)
      return { url: dash.url }
    } finally {
      await dash.close()
    }
  }
}

const DAY_MS = 86_400_000
