/**
 * Late events: visits that were made offline some time ago and are delivered event by event. Events
 * of one visit keep their order.
 */
import type { DormantVisitors } from './dormant-visitors.ts'
import type { Random } from './random.ts'
import type { EventDraft, Visitor } from './visitor.ts'
import { VISIT_ENDED, type Visits } from './visits.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const VISITS_OPEN = 8
/** An event must be at least this old to count as late. */
const LATE_MS_MIN = 10_000
const PAUSE_MS = 30 * MINUTE_MS

interface OfflineVisit {
  visitor: Visitor | null
  timeMs: number
}

interface OfflineVisitsParts {
  readonly random: Random
  readonly visits: Visits
  readonly dormant: DormantVisitors
  readonly openVisit: () => Visitor
}

/** Keeps a few offline visits at once and delivers their events in random order of visits. */
export class OfflineVisits {
  readonly #parts: OfflineVisitsParts
  readonly #visits: readonly OfflineVisit[] = Array.from({ length: VISITS_OPEN }, () => ({
    visitor: null,
    timeMs: 0,
  }))
  /** When the last filled event happened, ms. */
  timeMs = 0

  constructor(parts: OfflineVisitsParts) {
    this.#parts = parts
  }

  /** Fills in an event that arrives at `dueMs` and happened at `timeMs`; returns its visitor. */
  fillNextEvent(dueMs: number, draft: EventDraft): Visitor {
    const { random, visits, dormant } = this.#parts
    const offline = this.#visits[random.below(VISITS_OPEN)] ?? { visitor: null, timeMs: 0 }
    const visitor = offline.visitor ?? this.#open(offline, dueMs)
    this.timeMs = Math.min(offline.timeMs, dueMs - LATE_MS_MIN)
    const waitMs = visits.fillNextEvent(visitor, this.timeMs, draft)
    offline.timeMs += waitMs
    if (random.chance(0.03) && offline.timeMs + 2 * PAUSE_MS < dueMs) {
      // Tests the session limit: a pause of exactly 30 minutes keeps the
      // session, 1 ms more ends it.
      offline.timeMs = this.timeMs + PAUSE_MS + random.below(2)
    }
    if (waitMs === VISIT_ENDED || offline.timeMs > dueMs - LATE_MS_MIN) {
      dormant.add(visitor)
      offline.visitor = null
    }
    return visitor
  }

  #open(offline: OfflineVisit, dueMs: number): Visitor {
    const { random, visits, dormant, openVisit } = this.#parts
    const returning = random.chance(0.5) ? dormant.takeAny() : null
    if (returning !== null) visits.beginVisit(returning)
    const visitor = returning ?? openVisit()
    offline.visitor = visitor
    offline.timeMs = dueMs - pickLagMs(random)
    return visitor
  }
}

/**
 * Delays within the lateness of per-minute models, of sessions, of daily models, and beyond all.
 */
function pickLagMs(random: Random): number {
  const u = random.float()
  if (u < 0.45) return random.between(MINUTE_MS, 9 * MINUTE_MS)
  if (u < 0.65) return random.between(9 * MINUTE_MS, 80 * MINUTE_MS)
  if (u < 0.82) return random.between(HOUR_MS, 8 * HOUR_MS)
  return random.between(8 * HOUR_MS, 30 * HOUR_MS)
}
