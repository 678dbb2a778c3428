import { Args, Flags } from '@oclif/core'
import { listUndeployed, openMartsQueries, openQueries } from '../app/query.ts'
import { CcsCommand, durationFlag, targetFlag } from '../command.ts'
import { createRowFormatter } from '../domain/console/streaming-table.ts'
import { collectRows, type QueryAnswer } from '../domain/query/query-service.ts'
import type { QueryResult } from '../domain/sql/query-result.ts'

/** What `--json` prints; for EMIT CHANGES instead one row per line. */
export interface QueryOutput extends QueryResult {
  /** Where the answer comes from: the engine's URL, "lake" or "marts". */
  readonly from: string
  /** When the rows asked for were committed; null: up to now. */
  readonly asOf: string | null
  /** Models whose files have changes that are not deployed; they are answered as deployed. */
  readonly undeployed: readonly string[]
}

export default class Query extends CcsCommand<QueryOutput> {
  static override summary = 'Run one SELECT over Bronze, Silver and Gold, or over the daily marts.'
  static override description =
    'A running engine answers up to the last event; without one, the answer is as of the last ' +
    'commit. With --marts: the tables that dbt built and published last. On a target whose ' +
    'engine answers queries itself, the SQL is that of the engine, with the names of the models: ' +
    'SELECT … EMIT CHANGES prints rows as they arrive, with --json one document per line, until ' +
    '--limit or Ctrl-C, which ends the query on the server too. On other targets, and with ' +
    '--marts, a query has limits of time and of rows: query in ccs.yml, which --timeout and ' +
    '--max-rows lower.'
  static override examples = [
    '<%= config.bin %> query "SELECT * FROM gold.right_now"',
    '<%= config.bin %> query "SELECT * FROM gold.activity_1m ORDER BY 1 DESC LIMIT 5" --json',
    '<%= config.bin %> query --marts "SELECT * FROM fct_revenue_daily ORDER BY 1 DESC LIMIT 7"',
    '<%= config.bin %> query --target staging ' +
      '"SELECT order_id, revenue FROM silver.orders EMIT CHANGES"',
  ]
  static override flags = {
    target: targetFlag,
    marts: Flags.boolean({ summary: 'Query the published marts of dbt instead.' }),
    timeout: durationFlag({
      summary: 'End the query after this time; at most query.timeout of ccs.yml.',
    }),
    'max-rows': Flags.integer({
      min: 1,
      summary: 'Refuse an answer with more rows; at most query.max_rows of ccs.yml.',
    }),
    limit: Flags.integer({ min: 1, summary: 'Stop after this many rows.' }),
    from: Flags.option({ options: ['start', 'end'] as const })({
      default: 'end',
      summary: 'For EMIT CHANGES: start with the existing rows, or only with new ones.',
    }),
  }
  static override args = {
    sql: Args.string({
      required: true,
      description: 'One SELECT in DuckDB’s SQL; on some targets in the SQL of the engine.',
    }),
  }

  async run(): Promise<QueryOutput> {
    const { args, flags } = await this.parse(Query)
    const project = await this.loadProject(flags)
    const stop = this.abortOnSignal()
    const undeployed = flags.marts ? [] : await listUndeployed(project)
    const asking = await (flags.marts ? openMartsQueries(project) : openQueries(project))
    try {
      const answer = await asking.query(args.sql, {
        signal: stop,
        timeoutMs: flags.timeout,
        rowsMax: flags['max-rows'],
        isFromStart: flags.from === 'start',
        door: 'ccs query',
      })
      const { from, asOf, columns } = answer
      if (answer.isUnbounded) {
        await this.#follow(answer, flags.limit, stop)
        return { from, asOf, undeployed, columns, rows: [] }
      }
      const rows = await collectRows(answer, flags.limit)
      this.printRows(
        columns.map(({ name }) => ({ key: name })),
        rows,
      )
      if (asOf) this.note(`As committed ${asOf}.`)
      else if (from === 'lake') this.note('Nothing is committed yet.')
      if (undeployed.length > 0)
        this.note(`Answered as deployed: ${undeployed.join(', ')} changed since. See: ccs plan`)
      return { from, asOf, undeployed, columns, rows }
    } finally {
      await asking.close()
    }
  }

  /** Prints rows as they arrive, at most `limit`. */
  async #follow({ columns, rows }: QueryAnswer, limit: number | undefined, stop: AbortSignal) {
    this.streamJson()
    const width = process.stdout.isTTY ? this.width : Number.POSITIVE_INFINITY
    const lines = createRowFormatter(columns, {
      width,
      paint: (style, text) => this.paint(style, text),
    })
    let count = 0
    for await (const row of rows) {
      if (this.jsonEnabled()) await this.printDocument(row, stop)
      else for (const line of lines(row)) await this.printWithBackpressure(line, stop)
      if (++count === limit) break
    }
  }
}
