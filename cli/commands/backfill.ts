import { Flags } from '@oclif/core'
import { findDbt, openDbtRun } from '../app/dbt.ts'
import { recordCommand } from '../app/store.ts'
import { backfillProject } from '../app/warehouse/backfill.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import type { BackfillResult } from '../domain/audit/backfill.ts'
import type { ChangedDay, DayComparison, DayRange } from '../domain/audit/compare-days.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import { formatCount } from '../domain/kernel/units.ts'
import { readDbtTask } from '../domain/marts/dbt-args.ts'
import type { Project } from '../project.ts'

/** The document of `ccs backfill`. */
interface BackfillDocument extends BackfillResult {
  /** Whether the marts were built from the new rows; null: they were not asked for. */
  readonly marts: boolean | null
}

const SHOWN_MAX = 20

export default class Backfill extends CcsCommand<BackfillDocument> {
  static override summary = 'Make the rows of some days again, compare them, and swap them in.'
  static override description =
    'Makes Silver and Gold again from the log beside the live rows, which stay readable, and ' +
    'compares both by day. If only days from --from to --to differ, one rename swaps the new ' +
    'rows in, after a question, and the marts are built from them. Days outside of the range ' +
    'must be the same, or nothing is changed and they are listed. It takes the time and the ' +
    'disk space of a rebuild: sessions and duplicates depend on the days around. Exit code 3: ' +
    'something differs, and it was not confirmed.'
  static override examples = [
    '<%= config.bin %> backfill --from 2026-11-01 --to 2026-11-07',
    '<%= config.bin %> backfill --from 2026-11-01 --to 2026-11-07 --yes --json',
  ]

  static override flags = {
    target: targetFlag,
    from: Flags.string({ summary: 'First UTC day.', helpValue: 'DAY', required: true }),
    to: Flags.string({ summary: 'Last UTC day, included.', helpValue: 'DAY', required: true }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    'allow-destructive': Flags.boolean({
      summary: 'Accept fewer rows than there were, where the log has lost records.',
    }),
    marts: Flags.boolean({ summary: 'Build the marts afterwards.', default: true, allowNo: true }),
  }

  async run(): Promise<BackfillDocument> {
    const { flags } = await this.parse(Backfill)
    const project = await this.loadProject(flags)
    const range = { from: readDay('from', flags.from), to: readDay('to', flags.to) }
    if (range.from > range.to) throw invalid('--from is after --to.')
    const progress = this.progress('making rows')
    const timer = setInterval(() => progress.update(0), 500)
    const stop = () => {
      clearInterval(timer)
      progress.end()
    }
    const backfilling = () =>
      backfillProject(project, {
        range,
        mayLoseRows: flags['allow-destructive'],
        onNotice: (text) => this.note(text),
        confirm: async (compared) => {
          stop()
          this.#show(compared, range)
          this.#refuseOutside(compared, range)
          return flags.yes || (await this.confirm('Swap the new rows in?'))
        },
      })
    const result = await recordCommand(project, this, backfilling).finally(stop)
    const { applied, serial, inside, outside, equalDays } = result
    if (applied) this.print(`The new rows are live, as commit no. ${serial}.`)
    else if (inside.length + outside.length > 0) this.exitWith(EXIT.changes)
    else if (serial === null) this.print('Nothing was committed yet.')
    else this.print(`All ${formatCount(equalDays)} days of all tables are as they were.`)
    return { ...result, marts: applied && flags.marts ? await this.#buildMarts(project) : null }
  }

  #show({ inside, outside, equalDays }: DayComparison, { from, to }: DayRange): void {
    const rows = [...inside, ...outside].slice(0, SHOWN_MAX).map(({ table, day, ...counts }) => {
      const [before, after] = [counts.rowsBefore, counts.rowsAfter].map(formatCount)
      return { table, day: day || '(no day)', before, after }
    })
    const right = { align: 'right' as const }
    this.printRows(
      [{ key: 'table' }, { key: 'day' }, { key: 'before', ...right }, { key: 'after', ...right }],
      rows,
    )
    const more = inside.length + outside.length - rows.length
    if (more > 0) this.print(`… and ${formatCount(more)} more.`)
    this.print(
      `${formatCount(inside.length)} days of tables differ from ${from} to ${to}, ` +
        `${formatCount(outside.length)} outside; ${formatCount(equalDays)} are the same.`,
    )
  }

  #refuseOutside({ outside }: DayComparison, range: DayRange): void {
    const [first] = outside
    if (!first) return
    const days = outside.flatMap(({ day }: ChangedDay) => (day === '' ? [] : [day])).sort()
    const [from = range.from] = [...days, range.from].sort()
    const to = [...days, range.to].sort().at(-1)
    throw new CcsError(
      'CCS_PLAN_CHANGES',
      `Nothing was changed: ${first.table} also differs on ${first.day || 'rows without a day'}` +
        `${outside.length > 1 ? `, and ${formatCount(outside.length - 1)} days more` : ''}, ` +
        'outside of the range.',
      { hint: `If they are meant to change too: ccs backfill --from ${from} --to ${to}` },
    )
  }

  async #buildMarts(project: Project): Promise<boolean> {
    if (!(await findDbt(project))) return false
    const result = await openDbtRun(project, readDbtTask(['build']), {
      owner: 'ccs backfill',
      env: process.env,
      signal: this.abortOnSignal(),
      onNotice: (text) => this.note(text),
    })
    this.print(
      result.published
        ? 'The marts are built from them.'
        : 'The marts were not published: see ccs dbt build.',
    )
    return result.published
  }
}

function readDay(flag: string, text: string): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) return text
  throw invalid(`--${flag} must be a UTC day, not ${text}.`)
}

function invalid(message: string): CcsError {
  return new CcsError('CCS_USAGE_INVALID', message, { hint: 'Such as --from 2026-11-01' })
}
