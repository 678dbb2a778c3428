/**
 * The shop as a stream of arrivals. Every arrival has a slot in an absolute schedule: a visitor who
 * is due acts in it, or else a new visit starts. So the rate is exact, and the number of visitors
 * follows from it. Faults change what arrives in a slot, never how many slots there are.
 */
import { breakEvent, type FaultKind } from './broken-records.ts'
import { AHEAD_MS_MAX, CalendarQueue } from './calendar-queue.ts'
import { buildCatalogue } from './catalogue.ts'
import { DormantVisitors } from './dormant-visitors.ts'
import { OfflineVisits } from './offline-visits.ts'
import { IdSource, Random } from './random.ts'
import { RecentEvents } from './recent-events.ts'
import { fillRefund, PendingRefunds } from './refunds.ts'
import type { Schedule } from './schedule.ts'
import { createDraft, type EventDraft, Visitor, type VisitorKind } from './visitor.ts'
import { VISIT_ENDED, Visits } from './visits.ts'

/** Shares of all records from 0 to 1; `skew` is the share of visitors with a wrong clock. */
export interface FaultProfile {
  readonly late: number
  readonly duplicates: number
  readonly disorder: number
  readonly invalid: number
  readonly skew: number
}

/** One record with facts that only the simulation knows. The next arrival reuses the object. */
export interface Arrival {
  readonly event: EventDraft
  /** When the event really happened, ms since 1970; the corrected event time must equal this. */
  readonly timeMs: number
  /** When it arrives, ms since 1970. */
  readonly dueMs: number
  readonly isBot: boolean
  /** Whether the same event has arrived before. */
  readonly isDuplicate: boolean
  readonly broken: FaultKind | null
}

/** Seed, schedule and faults determine every byte of the stream. */
export interface SimulationOptions {
  readonly seed: number
  readonly schedule: Schedule
  readonly faultProfile: FaultProfile
  /** Most visits at once; at rates that would need more, all visitors act faster. */
  readonly visitorsMax?: number
}

const VISITORS_MAX = 50_000
const WARM_UP_MS = 20_000
const BOT_SHARE = 0.009
const KIOSK_SHARE = 0.0005

/** Generates arrivals on demand; memory does not grow with the run. */
export class Simulation {
  readonly #random: Random
  readonly #ids: IdSource
  #schedule: Schedule
  readonly #faultProfile: FaultProfile
  readonly #visitorsMax: number
  readonly #visits: Visits
  readonly #refunds = new PendingRefunds()
  readonly #waiting: CalendarQueue
  readonly #dormant: DormantVisitors
  readonly #late: OfflineVisits
  readonly #recent: RecentEvents
  readonly #goodEvent = createDraft()
  readonly #badEvent = createDraft()
  /** How far the visitors' clock runs ahead of the schedule because of `visitorsMax`. */
  #aheadMs = 0
  #made = 0
  readonly #arrival: { -readonly [K in keyof Arrival]: Arrival[K] }

  constructor(options: SimulationOptions) {
    const { seed, schedule, faultProfile, visitorsMax } = options
    const random = new Random(seed, schedule.startMs)
    this.#random = random
    this.#ids = new IdSource(new Random(seed, schedule.startMs, 1))
    this.#schedule = schedule
    this.#faultProfile = faultProfile
    this.#visitorsMax = visitorsMax ?? VISITORS_MAX
    const catalogue = buildCatalogue(new Random(seed))
    const world = { random, ids: this.#ids, catalogue, refunds: this.#refunds }
    this.#visits = new Visits(world)
    this.#dormant = new DormantVisitors(random)
    this.#waiting = new CalendarQueue(schedule.startMs)
    const openVisit = (): Visitor => this.#openVisit()
    this.#late = new OfflineVisits({
      random,
      visits: this.#visits,
      dormant: this.#dormant,
      openVisit,
    })
    this.#recent = new RecentEvents(random, this.#goodEvent)
    this.#arrival = {
      event: this.#goodEvent,
      timeMs: 0,
      dueMs: 0,
      isBot: false,
      isDuplicate: false,
      broken: null,
    }
    this.#warmUp(schedule.startMs)
  }

  /**
   * Continues the same shop with another schedule, which must not start before the last one ended.
   */
  continueWith(schedule: Schedule): void {
    this.#schedule = schedule
    this.#made = 0
  }

  /** Returns the next arrival, valid until the next call; null at the end of the schedule. */
  next(): Arrival | null {
    if (this.#made >= this.#schedule.count) return null
    const dueMs = this.#schedule.next()
    this.#made++
    const arrival = this.#arrival
    arrival.dueMs = dueMs
    arrival.broken = null
    arrival.isDuplicate = false
    arrival.event = this.#goodEvent
    const { duplicates, invalid, late, disorder } = this.#faultProfile
    let chance = this.#random.float()
    if (this.#recent.hasAny) {
      chance -= duplicates
      if (chance < 0) return this.#repeatEvent(dueMs)
      chance -= invalid
      if (chance < 0) return this.#breakOne(dueMs)
    } else chance -= duplicates + invalid
    chance -= late
    if (chance < 0 && chance >= -late) this.#lateEvent(dueMs)
    else {
      chance -= disorder
      this.#eventOnTime(dueMs, chance < 0 && chance >= -disorder)
    }
    this.#recent.add(arrival)
    return arrival
  }

  /** Opens visits that are already under way at the start; their earlier events are not emitted. */
  #warmUp(dueMs: number): void {
    const { eps, count } = this.#schedule
    const visitors = Math.floor(Math.min((eps * WARM_UP_MS) / 1000, count, this.#visitorsMax * 0.9))
    for (let i = 0; i < visitors; i++) {
      const visitor = this.#openVisit()
      let waitMs = 0
      for (let steps = this.#random.below(9); steps > 0 && waitMs !== VISIT_ENDED; steps--) {
        waitMs = this.#visits.fillNextEvent(visitor, dueMs - WARM_UP_MS, this.#goodEvent)
      }
      if (waitMs === VISIT_ENDED) this.#dormant.add(visitor)
      else this.#waiting.add(visitor, dueMs + this.#random.below(WARM_UP_MS + waitMs))
    }
    this.#refunds.clear()
  }

  #eventOnTime(dueMs: number, isDisordered: boolean): void {
    const refund = this.#refunds.take(dueMs)
    const arrival = this.#arrival
    if (refund !== null) {
      fillRefund(refund, this.#goodEvent, this.#ids.uuid())
      arrival.timeMs = isDisordered ? dueMs - this.#random.between(50, 4900) : dueMs
      this.#goodEvent.event_ts = arrival.timeMs
      this.#goodEvent.sent_ts = null
      this.#goodEvent.received_ts = null
      arrival.isBot = false
      return
    }
    const visitor = this.#whoIsDue(dueMs)
    let timeMs = dueMs
    if (isDisordered) {
      const earliestMs = Math.min(visitor.lastMs + 1, dueMs)
      timeMs = Math.max(dueMs - this.#random.between(50, 4900), earliestMs)
    }
    visitor.lastMs = timeMs
    arrival.timeMs = timeMs
    arrival.isBot = visitor.isBot
    const waitMs = this.#visits.fillNextEvent(visitor, timeMs, this.#goodEvent)
    setClocks(this.#goodEvent, visitor, arrival, this.#random)
    if (waitMs === VISIT_ENDED) this.#dormant.add(visitor)
    else this.#waiting.add(visitor, dueMs + this.#aheadMs + Math.min(waitMs, AHEAD_MS_MAX))
  }

  #whoIsDue(dueMs: number): Visitor {
    const due = this.#waiting.take(dueMs + this.#aheadMs)
    if (due !== null) return due
    if (this.#waiting.count < this.#visitorsMax) return this.#openVisit()
    const first = this.#waiting.takeFirst() ?? this.#openVisit()
    this.#aheadMs = Math.max(this.#aheadMs, this.#waiting.nowMs - dueMs)
    return first
  }

  #openVisit(): Visitor {
    const visitor = this.#dormant.take() ?? this.#newVisitor()
    this.#visits.beginVisit(visitor)
    return visitor
  }

  #newVisitor(): Visitor {
    const random = this.#random
    const u = random.float()
    const kind: VisitorKind =
      u < BOT_SHARE ? 'bot' : u < BOT_SHARE + KIOSK_SHARE ? 'kiosk' : 'shopper'
    const isWrong = random.chance(this.#faultProfile.skew)
    const skewMs = isWrong ? random.between(10_000, 480_000) * (random.chance(0.5) ? 1 : -1) : 0
    return new Visitor(this.#ids, random, kind, skewMs)
  }

  #lateEvent(dueMs: number): void {
    const arrival = this.#arrival
    const visitor = this.#late.fillNextEvent(dueMs, this.#goodEvent)
    arrival.timeMs = this.#late.timeMs
    arrival.isBot = visitor.isBot
    setClocks(this.#goodEvent, visitor, arrival, this.#random)
  }

  #repeatEvent(dueMs: number): Arrival {
    const arrival = this.#arrival
    const seen = this.#recent.pick(dueMs)
    arrival.event = seen.event
    arrival.timeMs = seen.timeMs
    arrival.isBot = seen.isBot
    arrival.isDuplicate = true
    return arrival
  }

  #breakOne(dueMs: number): Arrival {
    const arrival = this.#arrival
    arrival.event = this.#badEvent
    arrival.timeMs = dueMs
    arrival.isBot = false
    arrival.broken = breakEvent(this.#goodEvent, this.#badEvent, this.#ids.uuid(), this.#random)
    return arrival
  }
}

/**
 * Sets the three clocks of an event: event_ts and sent_ts by the device, received_ts by the shop.
 * Old clients omit some; the corrected event time is the same in all cases.
 */
function setClocks(
  draft: EventDraft,
  visitor: Visitor,
  at: { readonly timeMs: number; readonly dueMs: number },
  random: Random,
): void {
  const { timeMs, dueMs } = at
  const { skewMs } = visitor
  const delayMs = dueMs - timeMs + random.between(1, 30)
  const client = random.float()
  draft.event_ts = timeMs + skewMs
  draft.sent_ts = timeMs + skewMs + delayMs
  draft.received_ts = timeMs + delayMs
  if (skewMs === 0) {
    if (client < 0.1) draft.sent_ts = null
    if (client < 0.06) draft.received_ts = null
  } else if (client < 0.03) {
    // The device's clock was set back before sending; received_ts bounds the event time then.
    draft.sent_ts = timeMs + skewMs - random.between(1, 5000)
    draft.received_ts = timeMs
  } else if (client < 0.06 && skewMs > 0) {
    draft.sent_ts = null
    draft.received_ts = timeMs
  }
}
