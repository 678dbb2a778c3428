import { Flags } from '@oclif/core'
import { readTruth } from '../app/generator.ts'
import { openAnswers } from '../app/query.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { renderDifferences, type VerifyReport, verify } from '../domain/audit/verify.ts'
import { EXIT } from '../domain/kernel/errors.ts'

export default class Verify extends CcsCommand<VerifyReport> {
  static override summary = 'Compare Gold with the generator’s ground truth, row by row.'
  static override description =
    'Every row of every Gold table, of open windows too: the engine must have taken in all that was generated. Exits 5 and prints the first rows that differ when Gold is not what it must be.'
  static override examples = [
    '<%= config.bin %> gen --count 100000 --eps 5000 --truth truth.ndjson && <%= config.bin %> run --once && <%= config.bin %> verify --truth truth.ndjson',
  ]
  static override flags = {
    target: targetFlag,
    truth: Flags.string({
      required: true,
      helpValue: 'FILE',
      summary: 'What ccs gen --truth wrote.',
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
        if (lagEvents > 0) this.note(`The engine has ${lagEvents} records still to take in.`)
        this.exitWith(EXIT.checkFailed)
      }
      return report
    } finally {
      await answers.close()
    }
  }
}
