import { Flags } from '@oclif/core'
import { openCollector } from '../app/collector/open.ts'
import { CcsCommand, durationFlag, targetFlag } from '../command.ts'
import { type CollectFigures, totalFigures } from '../domain/collector/figures.ts'
import { thenClose } from '../domain/kernel/closers.ts'
import { formatCount } from '../domain/kernel/units.ts'

export default class Collect extends CcsCommand<CollectFigures> {
  static override summary = 'Take events over HTTP: from web pages, apps, servers and shop systems.'
  static override description =
    'An event that is answered with 202 is on disk. It listens where collect in ccs.yml says, by ' +
    'default on 127.0.0.1 only. Beside it, `ccs up` or `ccs run` makes tables of the events; ' +
    '`ccs up --collect` starts both. On SIGINT or SIGTERM it answers what it has taken, and ends.'
  static override examples = [
    '<%= config.bin %> collect',
    '<%= config.bin %> collect --target kafka --port 8095',
    '<%= config.bin %> collect --shop',
  ]
  static override flags = {
    target: targetFlag,
    port: Flags.integer({
      summary: 'Port, instead of collect.port in ccs.yml; 0 takes any free one.',
      min: 0,
      max: 65535,
    }),
    shop: Flags.boolean({ summary: 'Serve the example shop at /shop/, to click through.' }),
    for: durationFlag({ summary: 'Stop after this time.' }),
    'with-parent': Flags.boolean({ summary: 'End when stdin does.', hidden: true }),
  }

  async run(): Promise<CollectFigures> {
    const { flags } = await this.parse(Collect)
    const project = await this.loadProject(flags)
    const signal = this.abortOnSignal()
    const stop = flags['with-parent'] ? await this.#followParent(signal) : signal
    const open = await openCollector(project, {
      ...{ port: flags.port, hasShop: flags.shop },
      onNotice: (text) => this.note(text),
    })
    const work = async () => {
      const { script, path } = project.config.collect
      this.note(`The collector takes events at ${open.url}/v1/events and ${open.url}${path}`)
      if (flags.shop) this.note(`The example shop: ${open.url}/shop/`)
      if (!flags['with-parent'])
        this.note(`For a page: <script src="${open.url}${script}" defer></script>`)
      await this.clock.sleep(flags.for ?? Number.POSITIVE_INFINITY, stop)
    }
    await thenClose(work, () => open.close())
    const figures = open.figures()
    const { accepted, duplicate, rejected } = totalFigures(figures)
    this.print(
      `Taken: ${formatCount(accepted)} events, ${formatCount(duplicate)} that came again, ` +
        `${formatCount(rejected)} rejected.`,
    )
    return figures
  }

  async #followParent(signal: AbortSignal): Promise<AbortSignal> {
    const { followParent } = await import('../app/collector/beside.ts')
    return followParent(signal)
  }
}
