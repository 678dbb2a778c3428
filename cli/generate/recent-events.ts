/**
 * Events that arrived lately, as candidates for duplicates: sent again at once, or minutes later.
 */
import type { Random } from './random.ts'
import { copyEvent, createDraft, type EventDraft } from './visitor.ts'

const KEPT = 1024
/** One event in this many is kept for a later duplicate. */
const KEEP_ONE_IN = 16
/** Well within the deduplication window of the models, which ends two days behind the watermark. */
const AGE_MS_MAX = 12 * 3_600_000

/** An event and its facts; `timeMs` is when it happened, `dueMs` when it arrived. */
export interface RecentEvent {
  readonly event: EventDraft
  timeMs: number
  dueMs: number
  isBot: boolean
}

/** A random sample of past events plus the last one, in bounded memory. */
export class RecentEvents {
  readonly #random: Random
  readonly #kept: RecentEvent[] = []
  readonly #last: RecentEvent
  #hasLast = false

  /** `event` is the shared object that every valid event is filled into. */
  constructor(random: Random, event: EventDraft) {
    this.#random = random
    this.#last = { event, timeMs: 0, dueMs: 0, isBot: false }
  }

  /** False before the first event, when nothing can be repeated. */
  get hasAny(): boolean {
    return this.#hasLast
  }

  add(facts: Pick<RecentEvent, 'timeMs' | 'dueMs' | 'isBot'>): void {
    setFacts(this.#last, facts)
    this.#hasLast = true
    if ((this.#random.int32() & (KEEP_ONE_IN - 1)) === 0) this.#keep()
  }

  /** Returns the last event or, half of the time, an older one; valid until the next `add`. */
  pick(nowMs: number): RecentEvent {
    const older = this.#kept[this.#random.below(KEPT)]
    const isOlder = this.#random.chance(0.5)
    return isOlder && older !== undefined && nowMs - older.dueMs < AGE_MS_MAX ? older : this.#last
  }

  #keep(): void {
    let slot = this.#kept.length < KEPT ? undefined : this.#kept[this.#random.below(KEPT)]
    if (slot === undefined) {
      slot = { event: createDraft(), timeMs: 0, dueMs: 0, isBot: false }
      this.#kept.push(slot)
    }
    copyEvent(this.#last.event, slot.event)
    setFacts(slot, this.#last)
  }
}

function setFacts(to: RecentEvent, from: Pick<RecentEvent, 'timeMs' | 'dueMs' | 'isBot'>): void {
  to.timeMs = from.timeMs
  to.dueMs = from.dueMs
  to.isBot = from.isBot
}
