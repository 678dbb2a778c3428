import { Args, Flags } from '@oclif/core'
import { recordCommand } from '../app/store.ts'
import { runWhy, runWhyEvent } from '../app/why.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { wrapLine } from '../domain/console/text.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import { greatest } from '../domain/kernel/lists.ts'
import { formatCount, formatDuration } from '../domain/kernel/units.ts'
import { toModelFile } from '../domain/models/model.ts'
import type { Delivery, EventReport } from '../domain/provenance/event-report.ts'
import type { ExcludedEvents, WhyEvent } from '../domain/provenance/events.ts'
import { LEFT_OUT_KINDS, type LeftOutKind } from '../domain/provenance/left-out.ts'
import type { WhyReport } from '../domain/provenance/why.ts'
import type { Project } from '../project.ts'

export default class Why extends CcsCommand<WhyReport | EventReport> {
  static override summary = 'Explain one row of a model or mart, one event, or one order.'
  static override description =
    'Of a row: the models between the log and it, how many events it was computed from, the ' +
    'first of them with what each contributes, and the events that were left out: duplicates, ' +
    'late ones, bots. Then computes the row again from exactly these events. Exit code 5: the ' +
    'result differs. Of an event or order, given by its id: every delivery of it, and what ' +
    'became of each, by which rule; also of rejected ones, and of FILE:LINE of an import.'
  static override examples = [
    '<%= config.bin %> why gold.revenue_daily shop_date=2026-10-25 currency=EUR',
    '<%= config.bin %> why gold.activity_1m "2026-10-25 10:00"',
    '<%= config.bin %> why fct_orders event_id=8f6…',
    '<%= config.bin %> why ORDER-1017',
    '<%= config.bin %> why --left-out repeated-order',
  ]
  static override strict = false
  static override args = {
    model: Args.string({
      description: 'Such as gold.sessions or fct_orders; or an event_id or order_id.',
    }),
    key: Args.string({
      description:
        'Values of the model’s key in their order, or column=value for any of its columns.',
    }),
  }
  static override flags = {
    target: targetFlag,
    limit: Flags.integer({ default: 10, min: 0, max: 1000, summary: 'Events to list.' }),
    'left-out': Flags.option({ options: LEFT_OUT_KINDS })({
      summary: 'Explain the newest event that the numbers of a day leave out for this reason.',
    }),
    day: Flags.string({
      summary: 'Day of the shop for --left-out; default: today.',
      helpValue: 'DAY',
      dependsOn: ['left-out'],
    }),
  }

  async run(): Promise<WhyReport | EventReport> {
    const { argv, flags } = await this.parse(Why)
    const project = await this.loadProject(flags)
    // It shows rows of people, so it is recorded as queries are.
    return recordCommand(project, this, () => this.#explain(project, argv.map(String), flags))
  }

  async #explain(
    project: Project,
    [model, ...words]: readonly string[],
    flags: {
      readonly 'left-out': LeftOutKind | undefined
      readonly day: string | undefined
      limit: number
    },
  ): Promise<WhyReport | EventReport> {
    const kind = flags['left-out']
    if (kind !== undefined) {
      const report = await runWhyEvent(project, { kind, day: flags.day })
      this.#showEventReport(report)
      return report
    }
    if (model === undefined)
      throw new CcsError('CCS_USAGE_INVALID', 'What is to be explained is missing.', {
        hint: 'Name a model and a key, an event_id, an order_id, or --left-out KIND.',
      })
    if (words.length === 0 && !isModel(project, model)) {
      const report = await this.#findEvent(project, model)
      if (report) return report
    }
    const report = await runWhy(project, { model, words, limit: flags.limit })
    this.#show(report)
    if (!report.ok) this.exitWith(EXIT.checkFailed)
    return report
  }

  /** undefined: no event, order or reject has this id; it may be the name of a mart. */
  async #findEvent(project: Project, id: string): Promise<EventReport | undefined> {
    try {
      const report = await runWhyEvent(project, { id })
      this.#showEventReport(report)
      return report
    } catch (error) {
      if (error instanceof CcsError && error.code === 'CCS_USAGE_INVALID' && /^\w+$/.test(id))
        return undefined
      throw error
    }
  }

  #showEventReport({ id, deliveries, rejects }: EventReport): void {
    this.print(this.paint('bold', id))
    for (const one of deliveries) this.#showDelivery(one)
    for (const { place, reason, message, origin, see } of rejects) {
      this.print()
      this.print(`rejected, in events.dlq at ${place}${origin === null ? '' : `  ${origin}`}`)
      this.#printIndented(`${reason}: ${message}`)
      this.print(`  ${this.paint('dim', see)}`)
    }
  }

  #showDelivery({ eventId, type, orderId, at, arrived, from, findings }: Delivery): void {
    this.print()
    this.print(`${at}  ${type}  ${from}  arrived ${arrived}`)
    this.print(
      `  ${this.paint('dim', `${eventId}${orderId === null ? '' : `  order ${orderId}`}`)}`,
    )
    for (const { kind, sentence, rule } of findings) {
      this.#printIndented(`${kind}: ${sentence}`)
      if (rule !== '') this.print(`    ${this.paint('dim', `rule: ${rule}`)}`)
    }
  }

  #printIndented(text: string): void {
    for (const line of wrapLine(text, this.width - 2, 2)) this.print(`  ${line}`)
  }

  #show({ model, file, grain, row, path, events, leftOut, check, ok }: WhyReport): void {
    this.print(this.paint('bold', model))
    this.printWrapped(grain, 0)
    this.print(this.paint('dim', file))
    this.print()
    const width = greatest(Object.keys(row).map((name) => name.length))
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

function isModel({ models }: Project, name: string): boolean {
  return models.some(({ file }) => file === toModelFile(name))
}

function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
