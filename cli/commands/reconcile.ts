import { Flags } from '@oclif/core'
import { runReconcile } from '../app/reconcile.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { wrapLine } from '../domain/console/text.ts'
import { isZero } from '../domain/kernel/decimal.ts'
import { EXIT } from '../domain/kernel/errors.ts'
import { requireDay } from '../domain/kernel/time-argument.ts'
import { formatCount } from '../domain/kernel/units.ts'
import { REPAIR_HINT } from '../domain/lake/damage.ts'
import type {
  DayReport,
  Metric,
  ReconcileReport,
  RowDifference,
} from '../domain/reconcile/accounts.ts'

/** One day as YYYY-MM-DD; it must exist in the calendar. */
const dayFlag = Flags.custom<string>({
  helpValue: 'DAY',
  parse: async (text) => requireDay(text),
})

export default class Reconcile extends CcsCommand<ReconcileReport> {
  static override summary = 'Check that the stream and the daily marts agree, to the cent.'
  static override description =
    'For each shop day that is over, checks that streaming Gold plus what arrived too late for ' +
    'it equals dbt’s marts, metric by metric and row by row. Also compares both with the same ' +
    'SELECTs run over the Silver that the marts were built from, late rows with Bronze, and the ' +
    'files of Silver with the checksums of what was written. Exit code 5: something differs; the ' +
    'files and keys are printed. Exit code 3: the marts must be built first, or --day is still ' +
    'open.'
  static override examples = [
    '<%= config.bin %> dbt build && <%= config.bin %> reconcile',
    '<%= config.bin %> reconcile --day 2026-10-25 --json',
  ]
  static override flags = {
    target: targetFlag,
    day: dayFlag({ summary: 'Only this day.' }),
    open: Flags.boolean({
      summary: 'Also open days: no engine may run, and the marts must be of the last commit.',
    }),
  }

  async run(): Promise<ReconcileReport> {
    const { flags } = await this.parse(Reconcile)
    const project = await this.loadProject(flags)
    const progress = this.progress('reconciling')
    const report = await runReconcile(project, {
      ...(flags.day === undefined ? {} : { day: flags.day }),
      withOpen: flags.open,
      onProgress: (done, total) => progress.update(done, total),
    })
    progress.end()
    this.#showFailure(report.marts)
    for (const { file, problem } of report.files) this.printWrapped(`${file} ${problem}.`, 4)
    if (report.files.length > 0) this.print()
    for (const day of report.days) this.#showDay(day, flags.day !== undefined)
    if (report.days.length > 0) this.#showTable(report.days)
    for (const { sentences } of report.days)
      for (const line of sentences) this.printWrapped(line, 4)
    for (const { date, reason } of report.open) this.note(`${date}: ${reason}`)
    if (report.files.length > 0) this.note(REPAIR_HINT)
    if (report.days.length === 0 && flags.day === undefined)
      this.note('No day can be compared yet.')
    if (report.open.length > 0 && !flags.open)
      this.note('To compare open days too, while no engine runs: ccs reconcile --open')
    const isOpen = report.files.length === 0 && report.open.some(({ date }) => date === flags.day)
    if (!report.ok) this.exitWith(isOpen ? EXIT.changes : EXIT.checkFailed)
    return report
  }

  /** Printed first, because the numbers below are not about the newest rows. */
  #showFailure({ serial, failure, failedSerial }: ReconcileReport['marts']): void {
    if (failure === null) return
    const text =
      `The last ccs dbt build failed, of commit ${failedSerial}: ` +
      `${failure.replace(/[.]?$/, '.')} These are the marts of commit ${serial}.`
    for (const line of wrapLine(text, this.width)) this.print(this.paint('yellow', line))
    this.print()
  }

  /** The metrics that differ; for a day given with --day, all metrics. */
  #showDay({ date, metrics, rows, moreRows }: DayReport, isWhole: boolean): void {
    const shown = isWhole ? metrics : metrics.filter(({ difference }) => !isZero(difference))
    if (shown.length > 0) {
      this.print(this.paint('bold', date))
      this.printTable(
        [
          { key: 'name', title: 'metric', align: 'left' },
          { key: 'key', align: 'left' },
          { key: 'stream' },
          { key: 'late' },
          { key: 'batch', title: 'marts' },
          { key: 'difference' },
        ],
        shown.map(plainRow),
      )
      this.print()
    }
    for (const row of rows) this.printWrapped(`${date}  ${row.table}  ${rowText(row)}`, 4)
    if (moreRows > 0) this.print(`${date}  … and ${formatCount(moreRows)} more rows`)
    if (rows.length > 0) this.print()
  }

  #showTable(days: readonly DayReport[]): void {
    const one = (metrics: readonly Metric[], name: string) =>
      metrics.find((metric) => metric.name === name)?.batch ?? 0
    this.printTable(
      [
        { key: 'day', align: 'left' },
        { key: 'orders' },
        { key: 'sessions' },
        { key: 'events' },
        { key: 'metrics' },
        { key: 'verdict', title: 'stream = marts', align: 'left' },
      ],
      days.map(({ date, ok, isClosed, metrics, rows, moreRows }) => {
        const wrong = metrics.filter(({ difference }) => !isZero(difference)).length
        const wrongRows = rows.length + moreRows
        const faults =
          wrong + wrongRows === 0
            ? 'rows are not in the marts'
            : `${formatCount(wrong)} metrics and ${formatCount(wrongRows)} rows differ`
        return {
          day: date,
          orders: one(metrics, 'sessions.orders'),
          sessions: one(metrics, 'sessions.sessions'),
          events: one(metrics, 'sessions.events'),
          metrics: metrics.length,
          verdict: `${ok ? 'ok' : faults}${isClosed ? '' : ' (still open)'}`,
        }
      }),
    )
  }
}

function plainRow({ name, key, stream, late, batch, difference }: Metric) {
  return { name, key, stream, late, batch, difference }
}

const COLUMNS_SHOWN = 4

function rowText({ key, problem, of, columns }: RowDifference): string {
  const values = columns
    .slice(0, COLUMNS_SHOWN)
    .map(
      ({ column, expected, actual }) => `${column} ${shown(actual)} instead of ${shown(expected)}`,
    )
  const more =
    columns.length > COLUMNS_SHOWN ? [`and ${columns.length - COLUMNS_SHOWN} columns`] : []
  const what = [of, ...values, ...more].filter((part) => part !== null).join(', ')
  return `${key}  ${problem}${what === '' ? '' : `: ${what}`}`
}

function shown(value: unknown): string {
  return value === null || value === undefined ? 'nothing' : JSON.stringify(value)
}
