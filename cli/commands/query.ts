import { Args, Flags } from '@oclif/core'
import { CcsCommand, targetFlag } from '../command.ts'
import type { QueryResult } from '../core/ports.ts'
import { openAnswers } from '../open-answers.ts'
import { openMartsAnswers } from '../open-marts.ts'

/** What `--json` prints. */
export interface QueryOutput extends QueryResult {
  /** Where the answer comes from: the engine's URL, "lake" or "marts". */
  readonly from: string
  /** When the rows asked for were committed; null: up to now. */
  readonly asOf: string | null
}

export default class Query extends CcsCommand<QueryOutput> {
  static override summary = 'Ask one SELECT over Bronze, Silver and Gold, or over the daily marts.'
  static override description =
    'Asks the engine that runs on this data, up to the last event; when none runs, what was last committed. With --marts: the tables that dbt built and published last.'
  static override examples = [
    '<%= config.bin %> query "SELECT * FROM gold.right_now"',
    '<%= config.bin %> query "SELECT * FROM gold.activity_1m ORDER BY 1 DESC LIMIT 5" --json',
    '<%= config.bin %> query --marts "SELECT * FROM fct_revenue_daily ORDER BY 1 DESC LIMIT 7"',
  ]
  static override flags = {
    target: targetFlag,
    marts: Flags.boolean({ summary: 'Ask the published marts of dbt instead.' }),
  }
  static override args = {
    sql: Args.string({ required: true, description: 'One SELECT in DuckDB’s SQL.' }),
  }

  async run(): Promise<QueryOutput> {
    const { args, flags } = await this.parse(Query)
    const project = await this.loadProject(flags)
    const answers = await (flags.marts ? openMartsAnswers(project) : openAnswers(project))
    try {
      const result = await answers.query(args.sql)
      this.printTable(
        result.columns.map(({ name }) => ({ key: name })),
        result.rows,
      )
      if (answers.asOf) this.note(`As committed ${answers.asOf}.`)
      else if (answers.from === 'lake') this.note('Nothing is committed yet.')
      return { from: answers.from, asOf: answers.asOf, ...result }
    } finally {
      await answers.close()
    }
  }
}
