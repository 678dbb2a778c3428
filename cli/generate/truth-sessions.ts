/**
 * Expected sessions: all events of a visitor in order of time, split at pauses. Written from the
 * definition, not from the SQL, so that each checks the other.
 */

import type { TruthRow } from '../domain/audit/truth.ts'
import type { EventType } from '../domain/events/contracts.ts'
import type { ShopDays } from './shop-days.ts'
import { formatDay, formatMoney, formatTime } from './truth-values.ts'

const PAUSE_MS = 30 * 60_000
const CAP_MS = 24 * 3_600_000
const DAY_MS = 86_400_000

/** The attributes of an event that sessions depend on. */
export interface SessionEvent {
  readonly timeMs: number
  readonly type: EventType
  readonly revenueMinor: number
  readonly customerId: string | null
  readonly clientSession: string | null
  readonly utmSource: string | null
  readonly utmMedium: string | null
  readonly utmCampaign: string | null
  readonly device: string
  readonly country: string | null
  readonly city: string | null
}

/** One session and its row in gold.sessions; times in ms, money in hundredths. */
export interface Session {
  readonly id: string
  readonly anonymousId: string
  readonly startMs: number
  readonly endMs: number
  readonly shopDate: string
  readonly count: Readonly<Partial<Record<EventType, number>>>
  readonly events: number
  readonly orders: number
  readonly revenueMinor: number
  readonly utm: readonly [source: string | null, medium: string | null, campaign: string | null]
  readonly device: string
  readonly isEngaged: boolean
  /**
   * Funnel steps reached in order: 0 none, 1 viewed, 2 added to the cart, 3 checkout, 4 ordered.
   */
  readonly depth: number
  readonly row: TruthRow
}

/** Returns the sessions of one visitor. Sorts `visits` in place. */
export function buildSessions(
  anonymousId: string,
  visits: SessionEvent[],
  days: ShopDays,
): Session[] {
  visits.sort((a, b) => a.timeMs - b.timeMs)
  const sessions: Session[] = []
  let from = 0
  for (let at = 1; at <= visits.length; at++) {
    const before = visits[at - 1]
    const here = visits[at]
    if (before === undefined) break
    if (here !== undefined && here.timeMs - before.timeMs <= PAUSE_MS) continue
    for (const part of splitAtMidnight(visits.slice(from, at)))
      sessions.push(summarizeSession(anonymousId, part, days))
    from = at
  }
  return sessions
}

/** Splits a run that is longer than a day at each midnight UTC. */
function splitAtMidnight(run: readonly SessionEvent[]): (readonly SessionEvent[])[] {
  const first = run[0]
  const last = run[run.length - 1]
  if (first === undefined || last === undefined) return []
  if (last.timeMs - first.timeMs <= CAP_MS) return [run]
  const byDay = new Map<number, SessionEvent[]>()
  for (const visit of run) {
    const day = Math.floor(visit.timeMs / DAY_MS)
    const list = byDay.get(day)
    if (list === undefined) byDay.set(day, [visit])
    else list.push(visit)
  }
  return [...byDay.values()]
}

const STEPS: Partial<Record<EventType, string>> = {
  view_item: 'a',
  add_to_cart: 'b',
  begin_checkout: 'c',
  purchase: 'd',
}

function summarizeSession(
  anonymousId: string,
  visits: readonly SessionEvent[],
  days: ShopDays,
): Session {
  const startMs = visits[0]?.timeMs ?? 0
  const endMs = visits[visits.length - 1]?.timeMs ?? 0
  const count: Partial<Record<EventType, number>> = {}
  const lastOf: Partial<Record<EventType, number>> = {}
  let revenueMinor = 0
  for (const { type, timeMs, revenueMinor: minor } of visits) {
    count[type] = (count[type] ?? 0) + 1
    lastOf[type] = timeMs
    revenueMinor += minor
  }
  const orders = count.purchase ?? 0
  const pageViews = count.page_view ?? 0
  const isEngaged = endMs - startMs >= 10_000 || pageViews >= 2 || orders > 0
  const steps = funnelSteps(visits)
  const depth = funnelDepth(steps)
  const utm = [
    pickLatest(visits, (visit) => visit.utmSource),
    pickLatest(visits, (visit) => visit.utmMedium),
    pickLatest(visits, (visit) => visit.utmCampaign),
  ] as const
  const id = `${anonymousId}@${startMs}`
  const shopDate = formatDay(days.dayAt(startMs))
  const device = pickLeast(visits.map((visit) => visit.device)) ?? ''
  const row: TruthRow = [
    id,
    anonymousId,
    formatTime(startMs),
    formatTime(endMs),
    formatDay(Math.floor(startMs / DAY_MS)),
    shopDate,
    pickLeast(visits.map((visit) => visit.clientSession)),
    pickLatest(visits, (visit) => visit.customerId),
    visits.length,
    pageViews,
    count.view_item ?? 0,
    count.add_to_cart ?? 0,
    count.begin_checkout ?? 0,
    orders,
    formatMoney(revenueMinor),
    timeOrNull(lastOf.add_to_cart),
    timeOrNull(lastOf.begin_checkout),
    ...utm,
    device,
    pickLeast(visits.map((visit) => visit.country)),
    pickLeast(visits.map((visit) => visit.city)),
    endMs - startMs,
    isEngaged,
    steps.join(' '),
    depth >= 1,
    depth >= 2,
    depth >= 3,
    depth >= 4,
  ]
  const events = visits.length
  return {
    id,
    anonymousId,
    startMs,
    endMs,
    shopDate,
    count,
    events,
    orders,
    revenueMinor,
    utm,
    device,
    isEngaged,
    depth,
    row,
  }
}

function timeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : formatTime(ms)
}

/** Returns the value that was set last; of several at the same time, the greatest. */
function pickLatest(
  visits: readonly SessionEvent[],
  read: (visit: SessionEvent) => string | null,
): string | null {
  let best: string | null = null
  let bestMs = 0
  for (const visit of visits) {
    const value = read(visit)
    if (value === null) continue
    if (best === null || visit.timeMs > bestMs || (visit.timeMs === bestMs && value > best)) {
      best = value
      bestMs = visit.timeMs
    }
  }
  return best
}

function pickLeast(values: readonly (string | null)[]): string | null {
  let best: string | null = null
  for (const value of values) if (value !== null && (best === null || value < best)) best = value
  return best
}

function funnelSteps(visits: readonly SessionEvent[]): string[] {
  const steps: string[] = []
  for (const { type, timeMs } of visits) {
    const letter = STEPS[type]
    if (letter !== undefined) steps.push(`${timeMs}${letter}`)
  }
  return steps.sort()
}

function funnelDepth(steps: readonly string[]): number {
  let depth = 0
  for (const step of steps) if (step.endsWith('abcd'[depth] ?? '-')) depth++
  return depth
}
