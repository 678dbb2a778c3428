import { Flags } from '@oclif/core'
import { openKeptBackups } from '../app/backup/place.ts'
import { keepCopies } from '../app/copy/keep.ts'
import { openServer } from '../app/page.ts'
import { openPipeline } from '../app/pipeline.ts'
import { openTargetLogic } from '../app/targets/log.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { thenClose } from '../domain/kernel/closers.ts'
import { describeLateEvents } from '../domain/pipeline/late-summary.ts'
import type { StatusResult } from '../domain/pipeline/read-status.ts'

export default class Run extends CcsCommand<StatusResult> {
  static override summary = 'Run the engine: read the log, write Bronze, Silver and Gold.'
  static override description =
    'Ingests what the log holds and continues as it grows. On SIGINT or SIGTERM it ingests and ' +
    'commits everything before it ends.'
  static override examples = ['<%= config.bin %> run', '<%= config.bin %> run --once']
  static override flags = {
    target: targetFlag,
    once: Flags.boolean({ summary: 'Ingest everything that the log holds, commit and stop.' }),
    'gold-topics': Flags.boolean({
      summary: 'Publish each change of Gold to topics of the log; on Kafka this is always done.',
    }),
    port: Flags.integer({
      summary: 'Port on 127.0.0.1; 0 takes any free one.',
      min: 0,
      max: 65535,
    }),
  }

  async run(): Promise<StatusResult> {
    const { flags } = await this.parse(Run)
    const project = await this.loadProject(flags)
    const stop = this.abortOnSignal()
    const onNotice = (text: string) => this.note(text)
    const backups = flags.once ? undefined : await openKeptBackups(project, onNotice)
    const logic = await openTargetLogic(project)
    const open = await openPipeline(project, logic, {
      owner: 'ccs run',
      isOnce: flags.once,
      hasGoldTopics: flags['gold-topics'],
      onNotice,
    })
    const copies = flags.once ? undefined : await keepCopies(project, onNotice)
    const work = async () => {
      const port = flags.port ?? (flags.once ? 0 : project.config.http.port)
      const isPortRequired = flags.port !== undefined
      const server = await openServer(project, open, { port, isPortRequired, stop })
      const run = async () => {
        this.notePort(port, server.url)
        if (!flags.once)
          this.note(`The engine answers at ${server.url}; data in ${project.dataDir}.`)
        // Not into the log of a service manager, which others may read.
        if (!flags.once && process.stderr.isTTY)
          this.note(`The live page with single orders and events: ${server.pageUrl}`)
        const lateBefore = open.engine.counts.late
        await runBeside(backups, stop, () => open.pipeline.run(stop, flags.once))
        if (flags.once) await (await keepCopies(project, onNotice)).end()
        const status = await server.status()
        const { records, bronze, duplicates, dlq, setAside } = status.counts
        const aside = setAside > 0 ? ` (${setAside} as a model fails on them)` : ''
        this.print(
          `${records} records: ${bronze} in Bronze, ${dlq} rejected${aside}; ` +
            `${duplicates} duplicates left out of Silver.`,
        )
        const late = status.counts.late - lateBefore
        if (late > 0) {
          const query = (sql: string) => open.engine.query(sql, Date.now())
          for (const text of await describeLateEvents(late, logic.graph, query)) this.note(text)
        }
        if (status.importRejects > 0)
          this.note(`Imports rejected ${status.importRejects} rows: ccs dlq ls`)
        return status
      }
      return thenClose(run, () => server.close())
    }
    return thenClose(
      work,
      () => open.close(),
      async () => copies?.end(),
    )
  }
}

/** Runs `main`, and `beside` until that ends. */
async function runBeside(
  beside: ((stop: AbortSignal) => Promise<void>) | undefined,
  stop: AbortSignal,
  main: () => Promise<void>,
): Promise<void> {
  const ended = new AbortController()
  const other = beside?.(AbortSignal.any([stop, ended.signal]))
  try {
    await main()
  } finally {
    ended.abort()
    await other
  }
}
