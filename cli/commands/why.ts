import { Args, Flags } from '@oclif/core'
import { runWhy } from '../app/why.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { wrapLine } from '../domain/console/text.ts'
import { EXIT } from '../domain/kernel/errors.ts'
import { formatCount, formatDuration } from '../domain/kernel/units.ts'
import type { ExcludedEvents, WhyEvent } from '../domain/provenance/events.ts'
import type { WhyReport } from '../domain/provenance/why.ts'

export default class Why extends CcsCommand<WhyReport> {
  static override summary = 'Explain one row of a model or mart, back to its events in Bronze.'
  static override description =
    'Shows the row, the models between the log and it, how many events it was computed from, the ' +
    'first of them with what each contributes, and the events that were left out: duplicates, ' +
    'late ones, bots. Then computes the row again from exactly these events. Exit code 5: the ' +
    'result differs.'
  static override examples = [
    '<%= config.bin %> why gold.revenue_daily shop_date=2026-10-25 currency=EUR',
    '<%= config.bin %> why gold.activity_1m "2026-10-25 10:00"',
    '<%= config.bin %> why fct_orders event_id=8f6…',
  ]
  static override strict = false
  static override args = {
    model: Args.string({ required: true, description: 'Such as gold.sessions or fct_orders.' }),
    key: Args.string({
      description:
        'Values of the model’s key in their order, or column=value for any of its columns.',
    }),
  }
  static override flags = {
    target: targetFlag,
    limit: Flags.integer({ default: 10, min: 0, max: 1000, summary: 'Events to list.' }),
  }

  async run(): Promise<WhyReport> {
    const { argv, flags } = await this.parse(Why)
    const project = await this.loadProject(flags)
    const [model = '', ...words] = argv.map(String)
    const report = await runWhy(project, { model, words, limit: flags.limit })
    this.#show(report)
    if (!report.ok) this.exitWith(EXIT.checkFailed)
    return report
  }

  #show({ model, file, grain, row, path, events, leftOut, check, ok }: WhyReport): void {
    this.print(this.paint('bold', model))
    this.printWrapped(grain, 0)
    this.print(this.paint('dim', file))
    this.print()
    const width = Math.max(...Object.keys(row).map((name) => name.length))
    for (const [name, value] of Object.entries(row))
      this.print(`  ${this.paint('dim', name.padEnd(width))}  ${shown(value)}`)
    this.print()
    this.printWrapped(path.join(' → '))
    const types = events.byType.map(({ type, count }) => `${formatCount(count)} ${type}`)
    this.printWrapped(
      `${counted(events.count, 'event')}${types.length === 0 ? '' : `: ${types.join(', ')}`}`,
    )
    this.print()
    for (const event of events.first) this.#showEvent(event)
    const rest = events.count - events.first.length
    if (rest > 0) this.print(`… and ${formatCount(rest)} more (--limit)`)
    if (events.count > 0) this.print()
    this.#showLeftOut('Duplicates, left out', leftOut.duplicates)
    this.#showLeftOut('Too late, left to the marts', leftOut.tooLate)
    this.#showLeftOut('Bots, left out', leftOut.bots)
    this.#showSetAside(leftOut.setAside)
    this.print(this.paint(ok ? 'green' : 'red', check.sentence))
  }

  #showEvent({ eventId, type, at, from, lateMs, gives }: WhyEvent): void {
    const late = lateMs > 0 ? `  ${formatDuration(lateMs)} late` : ''
    this.print(`${at}  ${type}  ${from}${late}`)
    this.print(`  ${this.paint('dim', eventId)}`)
    const values = Object.entries(gives).map(([name, value]) => `${name} ${shown(value)}`)
    if (values.length === 0) return
    for (const line of wrapLine(values.join(', '), this.width - 2, 0)) this.print(`  ${line}`)
  }

  #showLeftOut(title: string, left: ExcludedEvents | null): void {
    if (left === null || left.count === 0) return
    this.print(`${title}: ${counted(left.count, 'event')}`)
    for (const event of left.first) this.#showEvent(event)
    const rest = left.count - left.first.length
    if (rest > 0) this.print(`… and ${formatCount(rest)} more`)
    this.print()
  }

  #showSetAside({ count, first }: WhyReport['leftOut']['setAside']): void {
    if (count === 0) return
    this.print(`Set aside, in no row of any model: ${counted(count, 'event')}`)
    for (const { at, type, from, message, reject } of first) {
      this.print(`${at}  ${type}  ${from}  ccs dlq show ${reject}`)
      this.printWrapped(message, 2)
    }
    if (count > first.length) this.print(`… and ${formatCount(count - first.length)} more`)
    this.print()
  }
}

function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
