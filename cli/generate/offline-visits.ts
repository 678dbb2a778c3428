/**
 * Events that arrive long after they happened: visits that were made offline some time ago and reach the shop
 * event by event. Within such a visit the order of things stays as it was.
 */
import type { DormantVisitors } from './dormant-visitors.ts'
import type { Random } from './random.ts'
import type { EventDraft, Visitor } from './visitor.ts'
import { VISIT_ENDED, type Visits } from './visits.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const VISITS = 8
/** What is nearer than this would not be late. */
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

export class OfflineVisits {
  readonly #parts: OfflineVisitsParts
  readonly #lanes: readonly OfflineVisit[] = Array.from({ length: VISITS }, () => ({
    visitor: null,
    timeMs: 0,
  }))
  /** When the event of the last `act` happened. */
  timeMs = 0

  constructor(parts: OfflineVisitsParts) {
    this.#parts = parts
  }

  /** Fills in an event that arrives at `dueMs` and happened at `timeMs`; the visitor whose it is. */
  fillNextEvent(dueMs: number, draft: EventDraft): Visitor {
    const { random, visits, dormant } = this.#parts
    const lane = this.#lanes[random.below(VISITS)] ?? { visitor: null, timeMs: 0 }
    const visitor = lane.visitor ?? this.#open(lane, dueMs)
    this.timeMs = Math.min(lane.timeMs, dueMs - LATE_MS_MIN)
    const waitMs = visits.fillNextEvent(visitor, this.timeMs, draft)
    lane.timeMs += waitMs
    if (random.chance(0.03) && lane.timeMs + 2 * PAUSE_MS < dueMs) {
      // The limit itself: a pause of exactly half an hour, which keeps the session, and one 1 ms longer.
      lane.timeMs = this.timeMs + PAUSE_MS + random.below(2)
    }
    if (waitMs === VISIT_ENDED || lane.timeMs > dueMs - LATE_MS_MIN) {
      dormant.add(visitor)
      lane.visitor = null
    }
    return visitor
  }

  #open(lane: OfflineVisit, dueMs: number): Visitor {
    const { random, visits, dormant, openVisit } = this.#parts
    const returning = random.chance(0.5) ? dormant.takeAny() : null
    if (returning !== null) visits.beginVisit(returning)
    const visitor = returning ?? openVisit()
    lane.visitor = visitor
    lane.timeMs = dueMs - pickLagMs(random)
    return visitor
  }
}

/** Within the lateness of the per-minute models, of the sessions, of the daily ones, and beyond them all. */
function pickLagMs(random: Random): number {
  const u = random.float()
  if (u < 0.45) return random.between(MINUTE_MS, 9 * MINUTE_MS)
  if (u < 0.65) return random.between(9 * MINUTE_MS, 80 * MINUTE_MS)
  if (u < 0.82) return random.between(HOUR_MS, 8 * HOUR_MS)
  return random.between(8 * HOUR_MS, 30 * HOUR_MS)
}
