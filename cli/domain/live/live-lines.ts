/** `ccs live` as lines of text, for a terminal of any width. */
import { escapeControls } from '../console/controls.ts'
import type { Paint } from '../console/text.ts'

/** An amount, which is exact as text. */
export interface Money {
  readonly currency: string
  readonly revenue: string
}

/** Amounts beside one another, never added: `3,860.12 EUR + 398.10 GBP`; `0.00` for none. */
export function formatRevenue(revenue: readonly Money[]): string {
  const amount = ({ revenue: value, currency }: Money) =>
    `${value.replace(/\B(?=(\d{3})+\.)/g, ',')} ${currency}`
  return revenue.length === 0 ? '0.00' : revenue.map(amount).join(' + ')
}

/** The answers to the queries of read-live.ts. */
export interface LiveData {
  readonly atMs: number
  readonly now: Readonly<Record<string, unknown>>
  /** Today's, by currency; that with most orders first. */
  readonly revenue: readonly Money[]
  /** One entry per minute, oldest first. */
  readonly minutes: readonly { readonly events: number; readonly orders: number }[]
  readonly funnel: Readonly<Record<string, unknown>>
  readonly pages: readonly { readonly page: string; readonly views: number }[]
  readonly campaigns: readonly { readonly name: string; readonly sessions: number }[]
  readonly health: EngineHealth | TopicsHealth
}

/** The state of the engine on this machine. */
export interface EngineHealth {
  readonly running: boolean
  readonly stalled: string | null
  readonly records: number
  readonly lagEvents: number
  readonly newestAgeMs: number | null
  readonly late: number
  readonly duplicates: number
  readonly dlq: number
}

/** How new the topics are that a cluster fills. */
export interface TopicsHealth {
  /** Where the topics are. */
  readonly from: string
  /** Age of the newest record; null: there is none. */
  readonly newestAgeMs: number | null
}

const BARS = ' ▁▂▃▄▅▆▇█'

/** One character per value, scaled to the largest. */
export function drawSparkline(values: readonly number[]): string {
  const most = Math.max(1, ...values)
  return values.map((value) => BARS[Math.ceil((value / most) * (BARS.length - 1))] ?? ' ').join('')
}

/** The whole screen, each line cut to `width` visible characters. */
export function renderLive(data: LiveData, width: number, paint: Paint): readonly string[] {
  const number = (value: unknown) => Number(value ?? 0).toLocaleString('en-US')
  const { now, funnel } = data
  const big = [
    ['visitors 5 min', number(now.visitors_5m)],
    ['carts 10 min', number(now.active_carts_10m)],
    ['checkouts', number(now.active_checkouts_10m)],
    ['orders today', number(now.orders_today)],
    ['revenue today', formatRevenue(data.revenue.slice(0, 1))],
  ] as const
  const others = data.revenue.slice(1)
  const cell = Math.max(15, Math.floor(Math.min(width, 100) / big.length))
  const bars = Math.max(10, Math.min(60, width - 26))
  const shown = data.minutes.slice(-bars)
  const last = shown.at(-1)
  const chart = (label: string, pick: (one: LiveData['minutes'][number]) => number) =>
    `${label.padEnd(19)}${drawSparkline(shown.map(pick))} ${number(last && pick(last))}`
  const steps = ['sessions', 'views', 'carts', 'checkouts', 'orders'] as const
  const funnelText = steps.map((step) => `${number(funnel[step])} ${step}`)
  return [
    big.map(([, value]) => paint('bold', value.padEnd(cell))).join(''),
    big.map(([label]) => paint('dim', label.padEnd(cell))).join(''),
    others.length === 0 ? '' : `and in other currencies: ${formatRevenue(others)}`,
    chart('events per minute', (one) => one.events),
    chart('orders per minute', (one) => one.orders),
    '',
    `${'funnel today'.padEnd(19)}${funnelText.join(' › ')}`,
    '',
    ...columns(
      [
        'top pages this hour',
        ...data.pages.map((one) => `${number(one.views).padStart(7)}  ${escapeControls(one.page)}`),
      ],
      [
        'campaigns today',
        ...data.campaigns.map(
          (one) => `${number(one.sessions).padStart(7)}  ${escapeControls(one.name)}`,
        ),
      ],
      width,
    ),
    '',
    healthLine(data, paint),
  ].map((line) => clipVisible(line, width))
}

/** Dim while all is well, coloured if something is wrong. */
function healthLine({ health }: LiveData, paint: Paint): string {
  if ('from' in health) {
    const { newestAgeMs, from } = health
    const age = newestAgeMs === null ? 'no record yet' : `newest record ${describeAge(newestAgeMs)}`
    const text = `${age} · from the topics at ${from}`
    return (newestAgeMs ?? 0) > OLD_MS ? paint('yellow', text) : paint('dim', text)
  }
  if (!health.running)
    return paint('yellow', 'The engine is not running: these are the last committed rows.')
  if (health.stalled !== null) return paint('red', health.stalled)
  const age =
    health.newestAgeMs === null ? 'no event yet' : `newest ${describeAge(health.newestAgeMs)}`
  const counts = `${health.late} late · ${health.duplicates} duplicates · ${health.dlq} rejected`
  const text = `${health.records} events · lag ${health.lagEvents} · ${age} · ${counts}`
  return health.lagEvents > 10_000 ? paint('yellow', text) : paint('dim', text)
}

/** A job that commits every half minute is this old only if it is behind, or nobody comes. */
const OLD_MS = 120_000

function describeAge(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s ago`
}

function columns(
  left: readonly string[],
  right: readonly string[],
  width: number,
): readonly string[] {
  const half = Math.floor(width / 2)
  const rows = Math.max(left.length, right.length)
  return Array.from({ length: rows }, (_, row) => {
    const first = left[row] ?? ''
    return `${first.slice(0, half - 2).padEnd(half)}${right[row] ?? ''}`.trimEnd()
  })
}

/** Cuts by visible characters: colour codes have no width. */
function clipVisible(line: string, width: number): string {
  let seen = 0
  let out = ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with one
  for (const part of line.split(/(\u001B\[[0-9;]*m)/)) {
    if (part.startsWith('\u001B[')) out += part
    else {
      const text = [...part].slice(0, Math.max(0, width - seen)).join('')
      seen += [...text].length
      out += text
    }
  }
  return out
}
