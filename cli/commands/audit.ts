import { runAudit } from '../app/audit.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import type { AuditReport } from '../domain/audit/audit.ts'
import { describeLogState } from '../domain/audit/log-state.ts'
import { EXIT } from '../domain/kernel/errors.ts'
import { formatCount } from '../domain/kernel/units.ts'
import { describeGap } from '../domain/pipeline/partition-readers.ts'

export default class Audit extends CcsCommand<AuditReport> {
  static override summary =
    'Check that no event was lost or doubled, and that every model is correct.'
  static override description =
    'Checks that each record of the log is in Bronze or rejected, exactly once; that each model ' +
    'has the rows that its SELECT gives when it is run over all its input; and that each audit ' +
    'in the headers of the models holds. Reads the whole log (without Kafka) and says where it ' +
    'begins and what in it is missing or damaged. Reads the last commit; a running engine is ' +
    'asked to commit first. Of a target whose models run as a job on a cluster it reads the ' +
    'topics, as a consumer of committed records: up to where the job has committed, each record ' +
    'of events.raw is valid or rejected, each valid one is in Bronze, and all models are ' +
    'compared. Exit code 5: a check ' +
    'failed; the ids are printed.'
  static override examples = [
    '<%= config.bin %> audit',
    '<%= config.bin %> audit --target kafka',
    '<%= config.bin %> audit --json',
  ]

  static override flags = { target: targetFlag }

  async run(): Promise<AuditReport> {
    const { flags } = await this.parse(Audit)
    const project = await this.loadProject(flags)
    const progress = this.progress('auditing')
    const report = await runAudit(project, {
      onProgress: (done, total) => progress.update(done, total),
    })
    progress.end()
    if (report.serial === null) this.print('Nothing was committed yet.')
    else this.#show(report)
    if (!report.ok) this.exitWith(EXIT.checkFailed)
    return report
  }

  #show({
    ok,
    serial,
    asOf,
    models,
    faults,
    setAside,
    gaps,
    log,
    remarks: more,
  }: AuditReport): void {
    if (models.length > 0)
      this.printTable(
        [
          { key: 'model', align: 'left' },
          { key: 'in' },
          { key: 'out' },
          { key: 'duplicates', title: 'dup' },
          { key: 'filtered', title: 'filt' },
          { key: 'late' },
          { key: 'dlq' },
          { key: 'remainder', title: 'rest' },
        ],
        models,
      )
    for (const { model, check, count, ids } of faults) {
      this.print()
      this.print(`${this.paint('red', model)}  ${check}: ${formatCount(count)}`)
      for (const id of ids) this.print(`  ${id}`)
      if (count > ids.length) this.print(`  … and ${formatCount(count - ids.length)} more`)
    }
    if (setAside.length > 0) this.print()
    for (const { model, count } of setAside)
      this.print(
        `${formatCount(count)} of the rejected records are there as ${model} fails on them: ` +
          'ccs dlq ls --reason model_failed',
      )
    const remarks = [...gaps.map(describeGap), ...log.flatMap(describeLogState), ...more]
    if (remarks.length > 0) this.print()
    for (const remark of remarks) this.print(this.paint('yellow', remark))
    this.note(`Commit ${serial} of ${asOf}: ${ok ? 'everything adds up.' : 'it does not add up.'}`)
  }
}
