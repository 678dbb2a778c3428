import { Args } from '@oclif/core'
import { CcsCommand } from '../command.ts'
import type { QueryResult } from '../core/ports.ts'
import { openAnswers } from '../open-answers.ts'

/** What `--json` prints. */
export interface QueryOutput extends QueryResult {
  /** Where the answer comes from: the engine's URL, or "lake". */
  readonly from: string
  /** When the rows were committed; null: up to now. */
  readonly asOf: string | null
}

export default class Query extends CcsCommand<QueryOutput> {
  static override summary = 'Ask one SELECT over Bronze, Silver and Gold.'
  static override description =
    'Asks the engine that runs on this data, up to the last event; when none runs, what was last committed.'
  static override examples = [
    '<%= config.bin %> query "SELECT * FROM gold.right_now"',
    '<%= config.bin %> query "SELECT * FROM gold.activity_1m ORDER BY 1 DESC LIMIT 5" --json',
  ]
  static override args = {
    sql: Args.string({ required: true, description: 'One SELECT in DuckDB’s SQL.' }),
  }

  async run(): Promise<QueryOutput> {
    const { args, flags } = await this.parse(Query)
    const answers = await openAnswers(await this.loadProject(flags))
    try {
      const result = await answers.query(args.sql)
      this.printTable(
        result.columns.map(({ name }) => ({ key: name })),
        result.rows,
      )
      if (answers.from === 'lake')
        this.note(answers.asOf ? `As committed ${answers.asOf}.` : 'Nothing is committed yet.')
      return { from: answers.from, asOf: answers.asOf, ...result }
    } finally {
      await answers.close()
    }
  }
}
