/** Orders that will be refunded hours or days later, in full or in part: a heap by refund time. */
import type { Item } from '../domain/events/contracts.ts'
import type { Random } from './random.ts'
import { beginEvent, type EventDraft, type Visitor, type VisitorIdentity } from './visitor.ts'

const PENDING_MAX = 20_000
const MINUTE_MS = 60_000
const DAY_MS = 1440 * MINUTE_MS

/** A refund that is still to come; times in ms, money in hundredths. */
export interface Refund {
  readonly dueMs: number
  /** A copy of the visitor's identity at order time, because visitor objects are reused. */
  readonly who: VisitorIdentity
  readonly orderId: string
  readonly currency: string
  /** Lines that are refunded; [] if only an amount is. */
  readonly items: readonly Item[]
  readonly amountMinor: number | null
}

/** A binary heap of refunds with a maximum size. */
export class PendingRefunds {
  readonly #heap: Refund[] = []

  /** Drops the refund if too many are pending, so that memory stays bounded at any rate. */
  add(refund: Refund): void {
    if (this.#heap.length >= PENDING_MAX) return
    const heap = this.#heap
    let at = heap.length
    heap.push(refund)
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (parent === undefined || parent.dueMs <= refund.dueMs) break
      heap[at] = parent
      at = up
    }
    heap[at] = refund
  }

  clear(): void {
    this.#heap.length = 0
  }

  take(nowMs: number): Refund | null {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.dueMs > nowMs) return null
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      let least = left
      if (right !== undefined && right.dueMs < left.dueMs) {
        least = right
        child++
      }
      if (least.dueMs >= last.dueMs) break
      heap[at] = least
      at = child
    }
    heap[at] = last
    return first
  }
}

/**
 * One order in fourteen is refunded; a third of those are cancelled within the hour. null: none.
 */
export function planRefund(
  order: { visitor: Visitor; orderId: string; currency: string; items: readonly Item[] },
  nowMs: number,
  random: Random,
): Refund | null {
  if (!random.chance(0.07)) return null
  const waitMs = random.chance(0.35)
    ? random.between(10_000, 40 * MINUTE_MS)
    : random.between(6 * 60 * MINUTE_MS, 9 * DAY_MS)
  const { items, amountMinor } = chooseReturnedItems(order.items, random)
  const { anonymousId, customerId, agent, city } = order.visitor
  return {
    dueMs: nowMs + waitMs,
    who: {
      anonymousId,
      customerId,
      city,
      hidesCity: true,
      consent: null,
      sessionId: null,
      agent: { device: agent.device, source: 'server', userAgent: null },
    },
    orderId: order.orderId,
    currency: order.currency,
    items,
    amountMinor,
  }
}

function chooseReturnedItems(
  items: readonly Item[],
  random: Random,
): { items: readonly Item[]; amountMinor: number | null } {
  const how = random.float()
  if (how < 0.4) return { items, amountMinor: null }
  const one = random.pick(items)
  if (how < 0.7) return { items: [one], amountMinor: null }
  const wholeMinor = one.unit_price_minor * one.quantity - one.discount_minor
  const amountMinor = Math.floor(wholeMinor * (0.2 + 0.8 * random.float()))
  // Some shops send lines and an amount that differs from them; the amount wins.
  return { items: how < 0.85 ? [one] : [], amountMinor }
}

/** Fills in the refund as the shop's server reports it, without page or client data. */
export function fillRefund(refund: Refund, draft: EventDraft, eventId: string): void {
  beginEvent(draft, refund.who, 'refund', eventId)
  draft.order_id = refund.orderId
  draft.currency = refund.currency
  draft.items = refund.items
  draft.refund_minor = refund.amountMinor
}
