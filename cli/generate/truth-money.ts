/** Expected revenue: orders and refunds per shop day and currency; order lines per category too. */

import type { TruthRow } from '../domain/audit/truth.ts'
import type { Item } from '../domain/events/contracts.ts'
import { formatDay, formatMoney } from './truth-values.ts'
import type { EventDraft } from './visitor.ts'

interface DaySums {
  readonly day: number
  readonly currency: string
  orders: number
  readonly buyers: Set<string>
  revenueMinor: number
  taxMinor: number
  shippingMinor: number
  refundCount: number
  refundMinor: number
}

interface CategorySums {
  readonly day: number
  readonly currency: string
  readonly category: string
  lines: number
  readonly orders: Set<string>
  units: number
  revenueMinor: number
}

/** Returns the value of order lines after discounts, in hundredths. */
export function sumLines(items: readonly Item[]): number {
  let sum = 0
  for (const item of items) sum += item.unit_price_minor * item.quantity - item.discount_minor
  return sum
}

/** Sums orders, refunds and order lines; days count from 1970-01-01. */
export class MoneyBook {
  readonly #days = new Map<string, DaySums>()
  readonly #categories = new Map<string, CategorySums>()

  addOrder(day: number, event: EventDraft): void {
    const sums = this.#sumsOf(day, event.currency ?? '')
    sums.orders++
    sums.buyers.add(event.anonymous_id)
    sums.revenueMinor += sumLines(event.items)
    sums.taxMinor += event.tax_minor ?? 0
    sums.shippingMinor += event.shipping_minor ?? 0
  }

  addRefund(day: number, event: EventDraft): void {
    const sums = this.#sumsOf(day, event.currency ?? '')
    sums.refundCount++
    sums.refundMinor += event.refund_minor ?? sumLines(event.items)
  }

  #sumsOf(day: number, currency: string): DaySums {
    const key = `${day} ${currency}`
    const had = this.#days.get(key)
    if (had !== undefined) return had
    const sums: DaySums = {
      day,
      currency,
      orders: 0,
      buyers: new Set(),
      revenueMinor: 0,
      taxMinor: 0,
      shippingMinor: 0,
      refundCount: 0,
      refundMinor: 0,
    }
    this.#days.set(key, sums)
    return sums
  }

  addLine(day: number, event: EventDraft, item: Item): void {
    const category = item.category ?? '(none)'
    const currency = event.currency ?? ''
    const key = `${day} ${currency} ${category}`
    let sums = this.#categories.get(key)
    if (sums === undefined) {
      const nothing = { lines: 0, orders: new Set<string>(), units: 0, revenueMinor: 0 }
      sums = { day, currency, category, ...nothing }
      this.#categories.set(key, sums)
    }
    sums.lines++
    sums.orders.add(event.order_id ?? '')
    sums.units += item.quantity
    sums.revenueMinor += item.unit_price_minor * item.quantity - item.discount_minor
  }

  /** Returns the rows of gold.revenue_daily. */
  dayRows(): TruthRow[] {
    return [...this.#days.values()].map((sums) => [
      formatDay(sums.day),
      sums.currency,
      sums.orders,
      sums.buyers.size,
      formatMoney(sums.revenueMinor),
      formatMoney(sums.taxMinor),
      formatMoney(sums.shippingMinor),
      sums.refundCount,
      formatMoney(sums.refundMinor),
      formatMoney(sums.revenueMinor - sums.refundMinor),
    ])
  }

  /** Returns the rows of gold.revenue_by_category_daily. */
  categoryRows(): TruthRow[] {
    return [...this.#categories.values()].map((sums) => [
      formatDay(sums.day),
      sums.currency,
      sums.category,
      sums.lines,
      sums.orders.size,
      sums.units,
      formatMoney(sums.revenueMinor),
    ])
  }
}
