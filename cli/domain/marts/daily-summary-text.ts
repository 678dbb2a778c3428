/**
 * What changed on a closed day, in plain sentences for somebody who reads no tables. A sentence
 * that would mislead is left out: nothing is compared with zero or with a missing day.
 */

/** One shop day in one currency; money is text such as "1234.50". */
export interface DayNumbers {
  /** YYYY-MM-DD */
  readonly date: string
  readonly currency: string
  /** Orders in `currency`, as all money here. */
  readonly orders: number
  /** Orders in any currency. */
  readonly all_orders: number
  readonly revenue: string
  readonly net_revenue: string
  readonly sessions: number
  /** Share of sessions with an order; null without sessions. */
  readonly conversion_rate: number | null
  readonly visitors: number
}

/** Revenue of one product category on a day and on the day before; money is text. */
export interface CategoryNumbers {
  readonly category: string
  readonly revenue: string
  /** On the day before. */
  readonly previous: string
  readonly difference: string
}

/** What is known of one closed day. */
export interface DayStory {
  readonly date: string
  /** `date` and the days before it, oldest first. */
  readonly days: readonly DayNumbers[]
  readonly categories: readonly CategoryNumbers[]
}

/** With fewer orders than this, percentages mislead. */
const ORDERS_MIN = 5
/** A category is named if its change is at least this share of the day's revenue. */
const CATEGORY_SHARE = 0.05
/** "The best day" needs at least this many days to compare. */
const BEST_OF_MIN = 7

/** One sentence per finding, most important first; empty if the day itself is missing. */
export function summarizeDay({ date, days, categories }: DayStory): readonly string[] {
  const day = days.find((one) => one.date === date)
  if (!day) return []
  const base = findBaseline(day, days)
  return [
    moneySentence(day, base),
    currencySentence(day),
    visitSentence(day, base),
    categorySentence(day, days, categories),
    refundSentence(day),
    bestSentence(day, days),
  ].filter((sentence) => sentence !== undefined)
}

interface Baseline {
  readonly day: DayNumbers
  /** "the Tuesday before" */
  readonly name: string
}

/** The same weekday a week before, else the day before; undefined if neither is known. */
function findBaseline(day: DayNumbers, days: readonly DayNumbers[]): Baseline | undefined {
  const weekBefore = days.find((one) => daysBetween(one.date, day.date) === 7)
  if (weekBefore) return { day: weekBefore, name: `the ${weekday(day.date)} before` }
  const dayBefore = days.find((one) => daysBetween(one.date, day.date) === 1)
  return dayBefore && { day: dayBefore, name: 'the day before' }
}

function moneySentence(day: DayNumbers, base: Baseline | undefined): string {
  const { currency, orders } = day
  if (orders === 0) {
    const had = base && base.day.orders > 0 ? `; on ${base.name} there were ${base.day.orders}` : ''
    return `There were no orders${day.all_orders > 0 ? ` in ${currency}` : ''}${had}.`
  }
  const said = `Revenue was ${formatMoney(day.revenue)} ${currency}`
  const from = `from ${count(orders, 'order')}`
  if (!base || base.day.orders === 0 || parseMinorUnits(base.day.revenue) <= 0n) {
    const after = base && base.day.orders === 0 ? `; ${base.name} had none` : ''
    return `${said} ${from}${after}.`
  }
  if (Math.min(orders, base.day.orders) < ORDERS_MIN) {
    const before = `${formatMoney(base.day.revenue)} ${currency}`
    const fromBefore = `from ${count(base.day.orders, 'order')} on ${base.name}`
    return `${said} ${from}, after ${before} ${fromBefore}.`
  }
  const change = ratio(day.revenue, base.day.revenue)
  const average = Number(day.revenue) / orders / (Number(base.day.revenue) / base.day.orders) - 1
  const size =
    percent(average) === 0
      ? 'average order the same'
      : `average order ${Math.abs(percent(average))} % ${average > 0 ? 'larger' : 'smaller'}`
  const compared = moreOrLess(change, 'more', 'less')
  const orderChange = signed(orders / base.day.orders - 1)
  return `${said}, ${compared} ${base.name}; orders ${orderChange}, ${size}.`
}

/** Without it, the orders of the day and those behind its revenue would seem to contradict. */
function currencySentence({ currency, orders, all_orders: all }: DayNumbers): string | undefined {
  const others = all - orders
  if (others <= 0) return undefined
  const said = `${count(others, 'more order')} ${others === 1 ? 'was' : 'were'} in other currencies`
  return `${said} than ${currency === '' ? 'that of the shop' : currency}; revenue leaves them out.`
}

function visitSentence(day: DayNumbers, base: Baseline | undefined): string | undefined {
  const { sessions, visitors, conversion_rate: rate } = day
  if (sessions === 0) return undefined
  const said = `${count(sessions, 'visit')} by ${count(visitors, 'visitor')}`
  const compared =
    base && base.day.sessions >= ORDERS_MIN
      ? `, ${moreOrLess(sessions / base.day.sessions - 1, 'more', 'fewer')} ${base.name}`
      : ''
  if (rate === null || rate === 0) return `${said}${compared}.`
  const before = base?.day.conversion_rate
  const points = before == null ? 0 : Math.round((rate - before) * 1000) / 10
  const than =
    before == null || before === 0
      ? ''
      : points === 0
        ? ', as many as then'
        : `, ${Math.abs(points).toFixed(1)} points ${points > 0 ? 'more' : 'less'}`
  return `${said}${compared}; ${(rate * 100).toFixed(1)} % of them ended in an order${than}.`
}

/** The categories that gained and lost most, if the change matters to the day. */
function categorySentence(
  day: DayNumbers,
  days: readonly DayNumbers[],
  categories: readonly CategoryNumbers[],
): string | undefined {
  const hasBefore = days.some((one) => daysBetween(one.date, day.date) === 1 && one.orders > 0)
  if (!hasBefore || parseMinorUnits(day.revenue) <= 0n) return undefined
  const least = Number(day.revenue) * CATEGORY_SHARE
  const moved = [...categories]
    .filter(({ difference }) => Math.abs(Number(difference)) >= least)
    .sort((a, b) => Number(b.difference) - Number(a.difference))
  const up = moved.find(({ difference }) => Number(difference) > 0)
  const down = moved.reverse().find(({ difference }) => Number(difference) < 0)
  const say = ({ category, difference }: CategoryNumbers, word: string) =>
    `${category} brought ${formatMoney(difference.replace('-', ''))} ${day.currency} ${word}`
  const parts = [up && say(up, 'more'), down && say(down, 'less')].filter((part) => part)
  const all = `${parts.join(', ')} than the day before.`
  return parts.length === 0 ? undefined : `${all.charAt(0).toUpperCase()}${all.slice(1)}`
}

function refundSentence(day: DayNumbers): string | undefined {
  const refunds = parseMinorUnits(day.revenue) - parseMinorUnits(day.net_revenue)
  if (refunds <= 0n) return undefined
  const left = parseMinorUnits(day.net_revenue) < 0n ? '-' : ''
  const net = `${left}${formatMoney(day.net_revenue.replace('-', ''))}`
  const amount = `${formatMoney(formatMinorUnits(refunds))} ${day.currency}`
  return `Refunds of ${amount} leave ${net} ${day.currency} net.`
}

function bestSentence(day: DayNumbers, days: readonly DayNumbers[]): string | undefined {
  const others = days.filter((one) => one.date < day.date && one.currency === day.currency)
  if (others.length + 1 < BEST_OF_MIN || day.orders === 0) return undefined
  const all = `of the last ${others.length + 1} days`
  if (others.every((one) => parseMinorUnits(one.revenue) < parseMinorUnits(day.revenue)))
    return `It was the best day ${all}.`
  if (
    others.every(
      (one) => one.orders > 0 && parseMinorUnits(one.revenue) > parseMinorUnits(day.revenue),
    )
  )
    return `It was the weakest day ${all}.`
  return undefined
}

/** "12 % more than", "about as much as": the caller adds what it is compared with. */
function moreOrLess(change: number, more: string, less: string): string {
  const whole = percent(change)
  if (whole === 0) return `about as ${less === 'fewer' ? 'many' : 'much'} as`
  if (change >= 1) return `${(change + 1).toFixed(1)} times that of`
  return `${Math.abs(whole)} % ${change > 0 ? more : less} than`
}

function signed(change: number): string {
  const whole = percent(change)
  return whole === 0
    ? 'the same'
    : `${whole > 0 ? '+' : '−'}${Math.abs(whole).toLocaleString('en-US')} %`
}

function percent(change: number): number {
  return Math.round(change * 100)
}

function ratio(now: string, before: string): number {
  return Number(now) / Number(before) - 1
}

function count(number: number, word: string): string {
  return `${number.toLocaleString('en-US')} ${word}${number === 1 ? '' : 's'}`
}

/** "-12.30" as -1230n: exact money in hundredths. */
function parseMinorUnits(amount: string): bigint {
  const [whole = '0', part = ''] = amount.replace('-', '').split('.')
  const value = BigInt(whole) * 100n + BigInt(part.padEnd(2, '0').slice(0, 2))
  return amount.startsWith('-') ? -value : value
}

function formatMinorUnits(minorUnits: bigint): string {
  return `${minorUnits / 100n}.${String(minorUnits % 100n).padStart(2, '0')}`
}

/** "1234.5" as "1,234.50". */
function formatMoney(amount: string): string {
  const [whole = '0', part = ''] = amount.split('.')
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ',')}.${part.padEnd(2, '0').slice(0, 2)}`
}

function daysBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 86_400_000
}

function weekday(date: string): string {
  return new Date(Date.parse(date)).toLocaleDateString('en-US', {
    weekday: 'long',
    timeZone: 'UTC',
  })
}
