/**
 * The one table of what the numbers of a shop day leave out: the live page, `ccs status` and
 * `ccs why` show it. It counts durable facts, which are rows of Bronze and Silver and offsets of
 * events.dlq, so it is the same after a restart and while no engine runs.
 */
import type { RejectCounts } from '../dlq/count-rejects.ts'
import { greatest } from '../kernel/lists.ts'
import { requireDay } from '../kernel/time-argument.ts'
import { formatCount } from '../kernel/units.ts'
import type { RunQuery } from '../reconcile/input.ts'
import { type EventReason, type LeftOutModels, printDay, printLeftOutSql } from './left-out-sql.ts'

/** Why something that arrived is missing from a number. */
export type LeftOutKind = EventReason | 'rejected' | 'rejected-import'

/** In the order of the table. */
export const LEFT_OUT_KINDS = [
  'late',
  'duplicate',
  'repeated-order',
  'rejected',
  'rejected-import',
  'bot',
  'no-consent',
  'other-rule',
  'other-currency',
  'other-day',
] as const satisfies readonly LeftOutKind[]

/** One line of the table. */
export interface LeftOutRow {
  readonly kind: LeftOutKind
  /** What follows the count: "3 repeated orders". */
  readonly title: string
  /** null: not known, because the log can't be reached. */
  readonly count: number | null
  /** One sentence: which number lacks them, by which rule, and where they are. */
  readonly rule: string
  /** The command that finds one of them. */
  readonly see: string
}

/** The table of one shop day. */
export interface LeftOut {
  /** YYYY-MM-DD, by the shop's clock. */
  readonly day: string
  readonly timezone: string
  /** Its begin and end (exclusive), ISO 8601 UTC. */
  readonly since: string
  readonly until: string
  readonly rows: readonly LeftOutRow[]
}

/** The row of `printLeftOutSql`. */
export type DayCounts = Readonly<Record<string, unknown>>

/** What the table is made of. */
export interface LeftOutInput {
  readonly models: LeftOutModels
  readonly timezone: string
  readonly counts: DayCounts
  /** undefined while the log can't be reached. */
  readonly rejects: RejectCounts | undefined
  /** The day is not today's: commands must name it. */
  readonly isOtherDay?: boolean
}

/** Begin and end of the day in ms since 1970, as `printLeftOutSql` returns them. */
export function readDaySpan(counts: DayCounts): {
  readonly sinceMs: number
  readonly untilMs: number
} {
  return { sinceMs: Number(counts.since_ms), untilMs: Number(counts.until_ms) }
}

/** Builds the table. Pure. */
export function buildLeftOut(input: LeftOutInput): LeftOut {
  const { counts, timezone, isOtherDay = false } = input
  const day = String(counts.shop_date)
  const { sinceMs, untilMs } = readDaySpan(counts)
  const option = isOtherDay ? ` --day ${day}` : ''
  return {
    day,
    timezone,
    since: new Date(sinceMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    rows: describeRows(input).map((row) => {
      return { ...row, see: `ccs why --left-out ${row.kind}${option}` }
    }),
  }
}

type Described = Omit<LeftOutRow, 'see'>

function describeRows({ models, timezone, counts, rejects }: LeftOutInput): readonly Described[] {
  const number = (name: string) => Number(counts[name] ?? 0)
  const { events, counted } = models
  const header = `of ${events}`
  const repeated = number('repeated_orders')
  const duplicates = number('arrived') - number('kept') - repeated
  const bots = number('bots') - number('bots_counted')
  const refused = number('refused') - number('refused_counted')
  const other = number('kept') - number('counted') - bots - refused
  return [
    { kind: 'late', title: 'too late', count: number('late'), rule: lateRule(models, counts) },
    {
      kind: 'duplicate',
      title: noun(duplicates, 'duplicate'),
      count: duplicates,
      rule: `the same event again: its first arrival counts (dedupe ${header})`,
    },
    {
      kind: 'repeated-order',
      title: noun(repeated, 'repeated order'),
      count: repeated,
      rule:
        models.orderKey === undefined
          ? `no rule: dedupe_orders is not in the header ${header}`
          : `another purchase of an order: the first counts (dedupe_orders ${header})`,
    },
    {
      kind: 'rejected',
      title: 'rejected',
      count: rejects?.records ?? null,
      rule: rejectRule(rejects?.records, rejects?.recordsTotal),
    },
    {
      kind: 'rejected-import',
      title: 'rejected in imports',
      count: rejects?.importRows ?? null,
      rule: rejectRule(rejects?.importRows, rejects?.importRowsTotal),
    },
    {
      kind: 'bot',
      title: 'from bots',
      count: bots,
      rule: botRule(number('bots_counted'), counted),
    },
    {
      kind: 'no-consent',
      title: 'without consent',
      count: refused,
      rule: consentRule(refused, number('refused_counted'), counted),
    },
    ...(other > 0
      ? [
          {
            kind: 'other-rule',
            title: 'by other rules',
            count: other,
            rule: `not in ${counted}; in ${events}`,
          } as const,
        ]
      : []),
    {
      kind: 'other-currency',
      title: 'in other currencies',
      count: number('other_currency'),
      rule: currencyRule(counts),
    },
    {
      kind: 'other-day',
      title: 'on another day',
      count: number('other_day'),
      rule:
        `of the same date in UTC, but of another day by the shop’s clock (${timezone}): ` +
        'they count on that day',
    },
  ]
}

function noun(count: number, one: string): string {
  return count === 1 ? one : `${one}s`
}

function lateRule({ late }: LeftOutModels, counts: DayCounts): string {
  const missing = late.flatMap(({ name }, index) => {
    const count = Number(counts[`late_${index}`] ?? 0)
    return count > 0 ? [`${name} ${formatCount(count)}`] : []
  })
  if (missing.length === 0) return 'none came too late for a Gold model'
  return `not in ${missing.join(', ')}; in Silver and the daily marts`
}

function rejectRule(count: number | undefined, total: number | undefined): string {
  if (count === undefined || total === undefined) return 'the log can’t be reached'
  const all = total > count ? `; ${formatCount(total)} since the log began` : ''
  return `arrived on this day and violate the contract; in events.dlq: ccs dlq ls${all}`
}

function botRule(counted: number, view: string): string {
  return counted > 0
    ? `${formatCount(counted)} flagged events are counted: ${view} has no rule on it`
    : `flagged in Silver by bot_rule; ${view} leaves them out`
}

function consentRule(refused: number, counted: number, view: string): string {
  if (counted > 0)
    return `${formatCount(counted)} with consent = false are counted: ${view} has no rule on it`
  return refused > 0
    ? `consent is false; ${view} leaves them out`
    : 'no event of the day has consent = false'
}

function currencyRule({ currency, other_amounts: amounts }: DayCounts): string {
  if (currency === null || currency === undefined) return 'no order yet, so there is no currency'
  const others = typeof amounts === 'string' ? `: ${amounts}` : ''
  return `counted as orders, but not in revenue, which is in ${currency}${others}`
}

/** Where the counts come from. */
export interface LeftOutPorts {
  readonly query: RunQuery
  readonly models: LeftOutModels
  readonly timezone: string
  readonly countRejects: (sinceMs: number, untilMs: number) => Promise<RejectCounts | undefined>
}

/** Counts what a day leaves out; undefined: today by the shop's clock. */
export async function readLeftOut(ports: LeftOutPorts, day?: string): Promise<LeftOut> {
  const { query, models, timezone, countRejects } = ports
  const daySql = printDay(day === undefined ? undefined : requireDay(day))
  const { rows } = await query(printLeftOutSql(models, daySql))
  const counts = rows[0] ?? {}
  const { sinceMs, untilMs } = readDaySpan(counts)
  const rejects = await countRejects(sinceMs, untilMs)
  return buildLeftOut({ models, timezone, counts, rejects, isOtherDay: day !== undefined })
}

/** Lines of text for a terminal; `wrap` breaks what is longer than the line. */
export function renderLeftOut(
  { day, timezone, rows }: LeftOut,
  wrap: (line: string, indent: number) => readonly string[],
): readonly string[] {
  const width = greatest(rows.map(({ kind }) => kind.length))
  const counts = rows.map(({ count }) => (count === null ? '?' : formatCount(count)))
  const size = greatest(counts.map((one) => one.length))
  return [
    `Left out of the numbers of ${day}, ${timezone}:`,
    ...rows.flatMap(({ kind, rule }, index) =>
      wrap(
        `${kind.padEnd(width)}  ${(counts[index] ?? '').padStart(size)}  ${rule}`,
        width + size + 4,
      ),
    ),
    `One of them: ccs why --left-out KIND${/ --day \S+$/.exec(rows[0]?.see ?? '')?.[0] ?? ''}`,
  ]
}
