import { Flags } from '@oclif/core'
import { readTruth } from '../app/generator.ts'
import { openAnswers } from '../app/query.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { renderDifferences, type VerifyReport, verify } from '../domain/audit/verify.ts'
import { EXIT } from '../domain/kernel/errors.ts'

export default class Verify extends CcsCommand<VerifyReport> {
  static override summary = 'Compare Gold with the generator’s ground truth, row by row.'
  static override description =
    'Compares every row of every Gold table, also of windows that are still open; the engine ' +
    'must have ingested everything that was generated. Exit code 5: rows differ; the first of ' +
    'them are printed.'
  static override examples = [
    '<%= config.bin %> gen --count 100000 --eps 5000 --truth truth.ndjson && ' +
      '<%= config.bin %> run --once && <%= config.bin %> verify --truth truth.ndjson',
  ]
  static override flags = {
    target: targetFlag,
    truth: Flags.string({
      required: true,
      helpValue: 'FILE',
      summary: 'The file that ccs gen --truth wrote.',
    }),
  }

  async run(): Promise<VerifyReport> {
    const { flags } = await this.parse(Verify)
    const project = await this.loadProject(flags)
    const truth = await readTruth(flags.truth)
    const answers = await openAnswers(project)
    try {
      const { timezone } = truth.header
      if (timezone !== project.config.timezone)
        this.note(`The truth is that of a shop in ${timezone}, not in ${project.config.timezone}.`)
      const { report, comparisons } = await verify(truth, (sql) => answers.query(sql))
      this.printTable(
        [{ key: 'table', align: 'left' }, { key: 'rows' }, { key: 'mismatches' }],
        report.tables,
      )
      if (!report.ok) {
        this.print()
        for (const line of renderDifferences(comparisons)) this.print(line)
        const { lagEvents } = await answers.status()
        if (lagEvents > 0) this.note(`The engine has ${lagEvents} records still to ingest.`)
        this.exitWith(EXIT.checkFailed)
      }
      return report
    } finally {
      await answers.close()
    }
  }
}
