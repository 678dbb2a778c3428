import { Flags } from '@oclif/core'
import { openKeptBackups } from '../app/backup/place.ts'
import { startCollector } from '../app/collector/beside.ts'
import { keepCopies } from '../app/copy/keep.ts'
import { findDbt, openDbtRun } from '../app/dbt.ts'
import { openLogSink } from '../app/generator.ts'
import { openServer } from '../app/page.ts'
import { type OpenPipeline, openPipeline } from '../app/pipeline.ts'
import { openTargetLogic } from '../app/targets/log.ts'
import { CcsCommand, durationFlag, targetFlag } from '../command.ts'
import { toCcsError } from '../command-errors.ts'
import { thenClose } from '../domain/kernel/closers.ts'
import { formatRevenue } from '../domain/live/live-lines.ts'
import { REVENUE_TODAY } from '../domain/live/read-live.ts'
import { readDbtTask } from '../domain/marts/dbt-args.ts'
import { scheduleMarts } from '../domain/marts/marts-scheduler.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { StatusResult } from '../domain/pipeline/read-status.ts'
import type { QueryResult } from '../domain/sql/query-result.ts'
import { generate } from '../generate/generate.ts'
import type { Project } from '../project.ts'

type OpenServer = Awaited<ReturnType<typeof openServer>>

export default class Up extends CcsCommand<StatusResult> {
  static override summary =
    'Run the whole pipeline: simulated shoppers, the log, the engine, the lake.'
  static override description =
    'Answers are at most a second old: query with `ccs query`, watch with `ccs live`. On SIGINT ' +
    'or SIGTERM it ingests and commits everything before it ends.'
  static override examples = [
    '<%= config.bin %> up',
    '<%= config.bin %> up --eps 1000 --for 20s',
    '<%= config.bin %> up --no-gen --dbt-every 5min',
    '<%= config.bin %> up --no-gen --collect --shop',
  ]
  static override flags = {
    target: targetFlag,
    eps: Flags.integer({
      summary: 'Events per second of the simulated shop.',
      min: 1,
      max: 100_000,
    }),
    gen: Flags.boolean({ summary: 'Simulate shoppers.', default: true, allowNo: true }),
    for: durationFlag({ summary: 'Stop after this time.' }),
    dbt: Flags.boolean({
      summary: 'Build the daily marts in the background.',
      description: 'Needs Python 3.10 or newer; the first time, it installs dbt into .ccs/venv.',
      env: 'CCS_DBT',
      default: true,
      allowNo: true,
    }),
    'dbt-every': durationFlag({
      summary: 'How often the marts are built; ccs.yml has the default.',
      helpValue: '15min',
    }),
    collect: Flags.boolean({
      summary: 'Take events over HTTP too: what ccs collect does, in a process of its own.',
    }),
    shop: Flags.boolean({
      summary: 'Serve the example shop, to click through.',
      dependsOn: ['collect'],
    }),
    port: Flags.integer({
      summary: 'Port on 127.0.0.1; 0 takes any free one.',
      min: 0,
      max: 65535,
    }),
  }

  async run(): Promise<StatusResult> {
    const { flags } = await this.parse(Up)
    const project = await this.loadProject(flags)
    const stop = this.abortOnSignal()
    const onNotice = (text: string) => this.note(text)
    const backups = await openKeptBackups(project, onNotice)
    const logic = await openTargetLogic(project)
    const open = await openPipeline(project, logic, { owner: 'ccs up', onNotice })
    const port = flags.port ?? project.config.http.port
    const isPortRequired = flags.port !== undefined
    const server = await openServer(project, open, { port, isPortRequired, stop }).catch(
      async (error: unknown) => {
        await open.close()
        throw error
      },
    )
    const copies = await keepCopies(project, onNotice)
    const collector = flags.collect
      ? await startCollector(project, { hasShop: flags.shop, onNotice })
      : undefined
    const work = async () => {
      this.notePort(port, server.url)
      this.#hello(project, server, flags.gen ? (flags.eps ?? project.config.generator.eps) : 0)
      const everyMs = flags.dbt ? (flags['dbt-every'] ?? project.config.dbt.everyMs) : 0
      const marts = (end: AbortSignal) => this.#marts(project, { open, logic, everyMs }, end)
      const beside = async (end: AbortSignal) => {
        await Promise.all([marts(end), backups?.(end)])
      }
      const endCollector = async () => collector?.end()
      await this.#work(project, open, server, { ...flags, stop, beside, endCollector })
      const status = await server.status()
      await this.#goodbye(open, status)
      return status
    }
    return thenClose(
      work,
      () => server.close(),
      () => open.close(),
      () => copies.end(),
      () => collector?.end(),
    )
  }

  #hello(project: Project, server: OpenServer, eps: number): void {
    const shop = eps > 0 ? `Shoppers come at ${eps} events a second.` : 'Nobody is simulated.'
    this.print(`${this.paint('bold', 'ccs is up.')} ${shop} Ctrl-C drains and stops.`)
    this.print()
    this.print(`  ${server.url.padEnd(40)}  the live page: totals, GET /status, /metrics`)
    this.print(`  ${server.pageUrl}`)
    this.print(`  ${''.padEnd(40)}  also single orders, events: keep it secret`)
    this.print(`  ccs live                                  what is happening right now`)
    this.print(`  ccs query "SELECT * FROM gold.right_now"  any SELECT over bronze, silver, gold`)
    this.print(`  ccs status                                lag, freshness, late, duplicates`)
    this.print(`  ${project.dataDir}/lake`)
    this.print()
  }

  /** The shop ends first; then the engine ingests the rest. */
  async #work(
    project: Project,
    open: OpenPipeline,
    server: OpenServer,
    options: {
      readonly stop: AbortSignal
      readonly gen: boolean
      readonly eps?: number | undefined
      readonly for?: number | undefined
      /** Runs beside the shop and ends with it. */
      readonly beside: (end: AbortSignal) => Promise<void>
      /** Lets the collector answer what it has taken: the engine ingests that too. */
      readonly endCollector: () => Promise<void>
    },
  ): Promise<void> {
    const ended = new AbortController()
    const stop = AbortSignal.any([options.stop, ended.signal])
    const beside = options.beside(stop)
    const engine = open.pipeline.run(ended.signal, false)
    const timer = setInterval(
      () => void this.#report(open, server),
      process.stderr.isTTY ? 1_000 : 10_000,
    )
    const shop = options.gen
      ? this.#shop(project, { ...options, stop })
      : this.clock.sleep(options.for ?? Number.POSITIVE_INFINITY, stop)
    try {
      // A failing engine ends the run; a stopped shop lets the engine finish.
      await Promise.race([shop, engine])
      await options.endCollector()
      ended.abort()
      await Promise.all([shop, engine])
    } finally {
      ended.abort()
      clearInterval(timer)
      await Promise.allSettled([shop, engine, beside])
    }
  }

  /** dbt in the background, with low priority; it ends at once when it is asked to. */
  async #marts(
    project: Project,
    more: { readonly open: OpenPipeline; readonly logic: Logic; readonly everyMs: number },
    end: AbortSignal,
  ): Promise<void> {
    const { open, logic, everyMs } = more
    if (everyMs === 0 || !(await findDbt(project))) return
    const onNotice = (text: string) => this.note(text)
    const committedSerial = () => {
      const { manifest } = open.pipeline
      return manifest?.files.some(({ table }) => table.startsWith('silver.')) ? manifest.serial : 0
    }
    const build = (signal: AbortSignal) =>
      openDbtRun(project, readDbtTask(['build']), {
        owner: 'ccs up',
        env: process.env,
        signal,
        isBackground: true,
        onNotice,
        store: open.store,
        logic,
      })
    await scheduleMarts({ clock: this.clock, committedSerial, build, onNotice }, everyMs, end)
  }

  async #shop(
    project: Project,
    options: { stop: AbortSignal; eps?: number | undefined; for?: number | undefined },
  ): Promise<void> {
    const { seed } = project.config.generator
    const shop = await openLogSink(project, {
      seed,
      mustBeEmpty: false,
      signal: options.stop,
      onNotice: (text) => this.note(text),
    })
    try {
      await generate(
        {
          seed,
          eps: options.eps ?? project.config.generator.eps,
          timezone: project.config.timezone,
          faultProfile: {
            late: 0.01,
            duplicates: 0.005,
            disorder: 0.02,
            invalid: 0.001,
            skew: 0.01,
          },
          ...(options.for === undefined ? {} : { forMs: options.for }),
        },
        {
          clock: this.clock,
          sink: shop.sink,
          signal: options.stop,
        },
      )
    } finally {
      await shop.close()
    }
  }

  /** What can't be shown now is no reason to end; the engine tells of what is wrong with it. */
  async #report(open: OpenPipeline, server: OpenServer): Promise<void> {
    try {
      this.statusLine(await this.#describeNow(open, server))
    } catch (error) {
      this.statusLine(`The numbers of right now can't be shown: ${summarize(error)}`)
    }
  }

  async #describeNow(open: OpenPipeline, server: OpenServer): Promise<string> {
    const { counts, lagEvents, stalled } = await server.status()
    const now = oneRow(await open.engine.query(RIGHT_NOW, Date.now()))
    const { rows } = await open.engine.query(REVENUE_TODAY, Date.now())
    const revenue = rows.map((row) => {
      return { currency: String(row.currency), revenue: String(row.revenue) }
    })
    return (
      stalled ??
      `${counts.records} events  lag ${lagEvents}  visitors ${now.visitors_5m}  ` +
        `carts ${now.active_carts_10m}  orders today ${now.orders_today}  ` +
        `revenue today ${formatRevenue(revenue)}`
    )
  }

  async #goodbye(open: OpenPipeline, { counts }: StatusResult): Promise<void> {
    const { records, duplicates, dlq, late } = counts
    this.print(
      `Drained: ${records} events taken in, ` +
        `${duplicates} duplicates, ${late} late, ${dlq} rejected.`,
    )
    try {
      const { rows, columns } = await open.engine.query(FUNNEL, Date.now())
      this.print('Visits by the steps that they took in this order, and all orders of the day:')
      this.printTable(
        columns.map(({ name }) => ({ key: name })),
        rows,
      )
    } catch (error) {
      this.note(`The funnel can't be shown: ${summarize(error)}`)
    }
  }
}

const RIGHT_NOW = 'SELECT * FROM gold.right_now'
/** `bought` counts visits that took all steps; `orders` has those without a product view too. */
const FUNNEL = `SELECT f.shop_date, f.sessions, f.views, f.carts, f.checkouts, f.orders AS bought,
  coalesce((SELECT CAST(sum(r.orders) AS BIGINT) FROM gold.revenue_daily r
    WHERE r.shop_date = f.shop_date), 0) AS orders
FROM gold.funnel_daily f ORDER BY 1 DESC LIMIT 3`

function oneRow(result: QueryResult): Readonly<Record<string, unknown>> {
  return result.rows[0] ?? {}
}

/** The first line of an error's message; the others show the statement. */
function summarize(error: unknown): string {
  return toCcsError(error).message.split('\n')[0] ?? ''
}
