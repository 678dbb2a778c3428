/**
 * What a visitor does, one event after another: land, browse, look, add to the cart, check out,
 * order. Each step fills in the event and returns the pause before the next one.
 */
import type { Item } from '../domain/events/contracts.ts'
import { type Catalogue, createLine, createPage, type Page, pickProduct } from './catalogue.ts'
import { CAMPAIGNS, PAYMENT_TYPES, REFERRERS } from './places.ts'
import type { IdSource, Random } from './random.ts'
import { type PendingRefunds, planRefund } from './refunds.ts'
import { beginEvent, type EventDraft, type Visitor } from './visitor.ts'

/** Returned instead of a pause when the visit is over. */
export const VISIT_ENDED = -1

const HOME = createPage('/', 'Home')
const CART = createPage('/cart', 'Your cart')
const THANKS = createPage('/thank-you', 'Thank you')
const ACCOUNT = createPage('/account', 'Your account')
const ARTICLES = ['size-guide', 'shipping', 'gift-ideas', 'repair-it'].map((slug) =>
  createPage(`/blog/${slug}`, slug.replace('-', ' ')),
)
const COUPONS: readonly (readonly [code: string, percent: number])[] = [
  ['WELCOME10', 10],
  ['SPRING15', 15],
  ['VIP20', 20],
  ['FREE100', 100],
]

/** What all visits share. */
export interface VisitDependencies {
  readonly random: Random
  readonly ids: IdSource
  readonly catalogue: Catalogue
  readonly refunds: PendingRefunds
}

/** The state machine of a visit; ids and orders are numbered across all visitors. */
export class Visits {
  readonly #random: Random
  readonly #ids: IdSource
  readonly #catalogue: Catalogue
  readonly #refunds: PendingRefunds
  #customers = 0
  #orders = 0
  readonly #orderPrefix: string

  constructor(world: VisitDependencies) {
    this.#random = world.random
    this.#ids = world.ids
    this.#catalogue = world.catalogue
    this.#refunds = world.refunds
    this.#orderPrefix = `o${world.ids.short().slice(0, 8)}-`
  }

  beginVisit(visitor: Visitor): void {
    const random = this.#random
    visitor.step = 'land'
    visitor.sessionId = visitor.countsSessions ? `s${this.#ids.short()}` : null
    visitor.coupon = null
    visitor.intent = random.float() * random.float() * (visitor.customerId === null ? 0.75 : 1)
    if (visitor.kind === 'bot') visitor.patience = random.between(20, 150)
    else if (visitor.kind === 'kiosk') visitor.patience = random.between(120, 240)
    else visitor.patience = random.chance(0.3) ? 1 : random.between(2, 14)
    // One visitor in three still has the cart of the last visit.
    if (visitor.cart.length > 0 && random.chance(0.66)) visitor.cart = []
  }

  /** Fills in the next event; returns the pause before the one after it in ms, or VISIT_ENDED. */
  fillNextEvent(visitor: Visitor, nowMs: number, draft: EventDraft): number {
    if (!this.#fill(visitor, nowMs, draft)) return VISIT_ENDED
    const random = this.#random
    if (visitor.kind === 'bot') return random.between(150, 2500)
    if (visitor.kind === 'kiosk') return random.between(4 * 60_000, 26 * 60_000)
    if (visitor.step === 'look') return random.between(40, 700)
    // Mostly seconds, sometimes an interruption of up to 15 minutes.
    const u = random.float()
    return Math.floor(2000 + 55_000 * u * u * u + (u > 0.985 ? 900_000 * random.float() : 0))
  }

  #fill(visitor: Visitor, nowMs: number, draft: EventDraft): boolean {
    switch (visitor.step) {
      case 'land':
        return this.#land(visitor, draft)
      case 'browse':
        return this.#browse(visitor, draft)
      case 'look':
        return this.#look(visitor, draft)
      case 'add':
        return this.#add(visitor, draft)
      case 'cart':
        return this.#seeCart(visitor, draft)
      case 'remove':
        return this.#remove(visitor, draft)
      case 'checkout':
        return this.#checkout(visitor, draft)
      case 'register':
        return this.#register(visitor, draft)
      case 'identify':
        beginEvent(draft, visitor, 'identify', this.#ids.uuid())
        visitor.step = 'pay'
        return true
      case 'pay':
        return this.#pay(visitor, draft)
      case 'order':
        return this.#order(visitor, nowMs, draft)
      case 'thanks':
      case 'leave':
        this.#view(visitor, draft, THANKS)
        return false
    }
  }

  #view(visitor: Visitor, draft: EventDraft, seen: Page): void {
    beginEvent(draft, visitor, 'page_view', this.#ids.uuid())
    draft.page = seen.path
    draft.page_title = seen.title
    draft.page_url = seen.url
  }

  #land(visitor: Visitor, draft: EventDraft): boolean {
    const random = this.#random
    const u = random.float()
    if (u < 0.45) this.#view(visitor, draft, HOME)
    else if (u < 0.65) this.#view(visitor, draft, random.pick(this.#catalogue.categoryPages))
    else if (u < 0.9) this.#viewProduct(visitor, draft)
    else this.#view(visitor, draft, random.pick(ARTICLES))
    const isLooking = u >= 0.65 && u < 0.9
    const from = random.float()
    if (visitor.kind === 'shopper' && from < 0.35) this.#carryCampaign(draft)
    else if (from < 0.7) draft.referrer = random.pick(REFERRERS)
    visitor.step = isLooking ? 'look' : 'browse'
    return --visitor.patience > 0 || isLooking
  }

  #carryCampaign(draft: EventDraft): void {
    const campaign = this.#random.pick(CAMPAIGNS)
    draft.utm_source = campaign.source
    draft.utm_medium = campaign.medium
    draft.utm_campaign = campaign.campaign
    draft.page_url = `${draft.page_url ?? ''}?utm_source=${campaign.source}`
    draft.referrer = campaign.source === 'google' ? 'https://www.google.com/' : null
  }

  #viewProduct(visitor: Visitor, draft: EventDraft): void {
    visitor.product = pickProduct(this.#catalogue, this.#random)
    this.#view(visitor, draft, visitor.product.page)
  }

  #browse(visitor: Visitor, draft: EventDraft): boolean {
    const random = this.#random
    const u = random.float()
    if (u < 0.52) {
      this.#viewProduct(visitor, draft)
      visitor.step = 'look'
      return true
    }
    if (u < 0.72) this.#view(visitor, draft, random.pick(this.#catalogue.categoryPages))
    else if (u < 0.92 && visitor.kind !== 'bot') this.#search(visitor, draft)
    else this.#view(visitor, draft, u < 0.96 ? HOME : u < 0.98 ? ACCOUNT : random.pick(ARTICLES))
    // A second campaign within a visit, for example from a newsletter opened in between.
    if (draft.event_type === 'page_view' && u > 0.99) this.#carryCampaign(draft)
    return --visitor.patience > 0
  }

  #search(visitor: Visitor, draft: EventDraft): void {
    const search = this.#random.pick(this.#catalogue.searches)
    beginEvent(draft, visitor, 'search', this.#ids.uuid())
    draft.page = search.page.path
    draft.page_title = search.page.title
    draft.page_url = search.page.url
    draft.search_term = search.term
    draft.results_count = search.term === 'asdfgh' ? 0 : this.#random.between(1, 80)
  }

  #look(visitor: Visitor, draft: EventDraft): boolean {
    const product = visitor.product ?? pickProduct(this.#catalogue, this.#random)
    beginEvent(draft, visitor, 'view_item', this.#ids.uuid())
    draft.page = product.page.path
    draft.items = product.lines[0] ?? []
    draft.currency = visitor.city.currency
    visitor.patience--
    if (visitor.kind === 'shopper' && this.#random.chance(0.06 + visitor.intent * 0.5)) {
      visitor.step = 'add'
      return true
    }
    visitor.step = visitor.cart.length > 0 && visitor.patience <= 0 ? 'cart' : 'browse'
    return visitor.patience > 0 || visitor.step === 'cart'
  }

  #add(visitor: Visitor, draft: EventDraft): boolean {
    const random = this.#random
    const product = visitor.product ?? pickProduct(this.#catalogue, random)
    const quantity = random.chance(0.82) ? 1 : random.between(2, 4)
    beginEvent(draft, visitor, 'add_to_cart', this.#ids.uuid())
    draft.page = product.page.path
    draft.items = product.lines[quantity - 1] ?? []
    draft.currency = visitor.city.currency
    const had = visitor.cart.find((line) => line.product === product)
    if (had === undefined) visitor.cart.push({ product, quantity })
    else had.quantity += quantity
    visitor.step = visitor.patience > 0 && random.chance(0.6) ? 'browse' : 'cart'
    return visitor.step === 'cart' || visitor.patience > 0
  }

  #seeCart(visitor: Visitor, draft: EventDraft): boolean {
    this.#view(visitor, draft, CART)
    const random = this.#random
    if (visitor.cart.length === 0 || random.chance(0.35 - visitor.intent * 0.3)) return false
    visitor.step = random.chance(0.15) ? 'remove' : 'checkout'
    return true
  }

  #remove(visitor: Visitor, draft: EventDraft): boolean {
    const gone = visitor.cart.pop()
    if (gone === undefined) return this.#seeCart(visitor, draft)
    beginEvent(draft, visitor, 'remove_from_cart', this.#ids.uuid())
    draft.page = CART.path
    draft.items = gone.product.lines[gone.quantity - 1] ?? [
      createLine(gone.product, gone.quantity, 0),
    ]
    draft.currency = visitor.city.currency
    visitor.step = visitor.cart.length > 0 ? 'checkout' : 'browse'
    return visitor.step === 'checkout' || visitor.patience > 0
  }

  #checkout(visitor: Visitor, draft: EventDraft): boolean {
    const random = this.#random
    beginEvent(draft, visitor, 'begin_checkout', this.#ids.uuid())
    draft.page = '/checkout'
    draft.currency = visitor.city.currency
    visitor.coupon = random.chance(0.18) ? random.pick(COUPONS)[0] : null
    visitor.orderLines = this.#priceCart(visitor)
    draft.items = visitor.cart.map(({ product, quantity }) => createLine(product, quantity, 0))
    if (random.chance(0.15)) return false
    visitor.step = random.chance(visitor.customerId === null ? 0.55 : 0.3) ? 'register' : 'pay'
    return true
  }

  /** Turns the cart into order lines, each with its share of the coupon and of a sale. */
  #priceCart(visitor: Visitor): readonly Item[] {
    const percent = COUPONS.find(([code]) => code === visitor.coupon)?.[1] ?? 0
    return visitor.cart.map(({ product, quantity }) => {
      const wholeMinor = product.priceMinor * quantity
      const saleMinor = this.#random.chance(0.1) ? Math.floor(wholeMinor * 0.25) : 0
      const couponMinor = Math.floor(((wholeMinor - saleMinor) * percent) / 100)
      return createLine(product, quantity, saleMinor + couponMinor)
    })
  }

  /** Known customers log in; others mostly sign up, or log in to an account made elsewhere. */
  #register(visitor: Visitor, draft: EventDraft): boolean {
    const random = this.#random
    const isNew = visitor.customerId === null && random.chance(0.7)
    if (isNew) visitor.customerId = `c${String(++this.#customers)}-${this.#orderPrefix.slice(1, 5)}`
    else if (visitor.customerId === null) {
      const other = 1 + random.below(Math.max(this.#customers, 1))
      visitor.customerId = `c${String(other)}-${this.#orderPrefix.slice(1, 5)}`
    }
    beginEvent(draft, visitor, isNew ? 'sign_up' : 'login', this.#ids.uuid())
    draft.page = ACCOUNT.path
    visitor.step = random.chance(0.4) ? 'identify' : 'pay'
    return true
  }

  #pay(visitor: Visitor, draft: EventDraft): boolean {
    visitor.paymentType = this.#random.pick(PAYMENT_TYPES)
    beginEvent(draft, visitor, 'add_payment_info', this.#ids.uuid())
    draft.page = '/checkout/payment'
    draft.payment_type = visitor.paymentType
    draft.currency = visitor.city.currency
    visitor.step = 'order'
    return !this.#random.chance(0.12)
  }

  #order(visitor: Visitor, nowMs: number, draft: EventDraft): boolean {
    const items = visitor.orderLines
    let paidMinor = 0
    let discountMinor = 0
    for (const item of items) {
      paidMinor += item.unit_price_minor * item.quantity - item.discount_minor
      discountMinor += item.discount_minor
    }
    beginEvent(draft, visitor, 'purchase', this.#ids.uuid())
    draft.page = '/checkout/done'
    draft.order_id = `${this.#orderPrefix}${String(++this.#orders)}`
    draft.items = items
    draft.currency = visitor.city.currency
    draft.coupon = visitor.coupon
    draft.payment_type = visitor.paymentType
    draft.discount_minor = discountMinor > 0 || this.#random.chance(0.5) ? discountMinor : null
    draft.tax_minor = Math.round((paidMinor * 19) / 119)
    draft.shipping_minor = paidMinor >= 5000 ? 0 : 490
    const order = { visitor, orderId: draft.order_id, currency: visitor.city.currency, items }
    const refund = planRefund(order, nowMs, this.#random)
    if (refund !== null) this.#refunds.add(refund)
    visitor.cart = []
    visitor.step = 'thanks'
    return this.#random.chance(0.7)
  }
}
