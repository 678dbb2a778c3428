/**
 * One visitor of the simulated shop: a lasting identity, and the state of the current
 * visit. Objects are reused between visits and fields are plain, so that a step costs
 * well under a microsecond.
 */
import type { Event, EventType, Item } from '../domain/events/contracts.ts'
import type { Product } from './catalogue.ts'
import { type Agent, BOT_AGENTS, type City, pickAgent, pickCity } from './places.ts'
import type { IdSource, Random } from './random.ts'

/** An event whose fields can be overwritten, so that one object serves all events. */
export type EventDraft = { -readonly [Field in keyof Event]: Event[Field] }

/** Kiosks are shared devices in shops: long visits with long pauses. */
export type VisitorKind = 'shopper' | 'bot' | 'kiosk'

/** The next step of a visit. */
export type VisitStep =
  | 'land'
  | 'browse'
  | 'look'
  | 'add'
  | 'cart'
  | 'remove'
  | 'checkout'
  | 'register'
  | 'identify'
  | 'pay'
  | 'order'
  | 'thanks'
  | 'leave'

/** The part of a visitor that its events carry. */
export interface VisitorIdentity {
  readonly anonymousId: string
  readonly customerId: string | null
  readonly sessionId: string | null
  readonly agent: Agent
  readonly city: City
  readonly hidesCity: boolean
  readonly consent: boolean | null
}

/** A product in the cart. */
export interface CartLine {
  readonly product: Product
  quantity: number
}

/** A visitor; `Visits` changes its state from step to step. */
export class Visitor {
  /** Next visitor in the same slot of the calendar queue. */
  next: Visitor | null = null
  anonymousId: string
  customerId: string | null = null
  kind: VisitorKind
  agent: Agent
  city: City
  hidesCity: boolean
  consent: boolean | null
  /** How far the device's clock is ahead of the shop's, ms. */
  skewMs: number
  countsSessions: boolean
  /** Time of the latest event, ms. */
  lastMs = 0

  step: VisitStep = 'leave'
  sessionId: string | null = null
  /** How many more pages the visitor wants to see. */
  patience = 0
  /** How likely the visitor is to buy, 0 to 1. */
  intent = 0
  product: Product | null = null
  cart: CartLine[] = []
  coupon: string | null = null
  orderLines: readonly Item[] = []
  paymentType = 'card'

  constructor(ids: IdSource, random: Random, kind: VisitorKind, skewMs: number) {
    this.anonymousId = `v${ids.short()}`
    this.kind = kind
    this.agent = kind === 'bot' ? random.pick(BOT_AGENTS) : pickAgent(random)
    this.city = pickCity(random)
    this.hidesCity = random.chance(0.04)
    const mood = random.float()
    this.consent = mood < 0.7 ? true : mood < 0.85 ? false : null
    this.skewMs = skewMs
    this.countsSessions = random.chance(0.85)
  }

  get isBot(): boolean {
    return this.kind === 'bot'
  }
}

/** Creates an event with all fields empty. */
export function createDraft(): EventDraft {
  return {
    event_id: '',
    event_type: 'page_view',
    event_ts: 0,
    sent_ts: null,
    received_ts: null,
    anonymous_id: '',
    customer_id: null,
    session_id: null,
    page: null,
    page_title: null,
    page_url: null,
    referrer: null,
    utm_source: null,
    utm_medium: null,
    utm_campaign: null,
    device: 'desktop',
    user_agent: null,
    bot_hint: null,
    geo_city: null,
    geo_country: null,
    source: 'web',
    currency: null,
    consent: null,
    search_term: null,
    results_count: null,
    payment_type: null,
    order_id: null,
    coupon: null,
    tax_minor: null,
    shipping_minor: null,
    discount_minor: null,
    refund_minor: null,
    items: [],
  }
}

const NO_ITEMS: readonly Item[] = []

/** Fills in what does not depend on the step (identity, device, place) and clears the rest. */
export function beginEvent(
  draft: EventDraft,
  visitor: VisitorIdentity,
  type: EventType,
  id: string,
): void {
  draft.event_id = id
  draft.event_type = type
  draft.anonymous_id = visitor.anonymousId
  draft.customer_id = visitor.customerId
  draft.session_id = visitor.sessionId
  draft.page = null
  draft.page_title = null
  draft.page_url = null
  draft.referrer = null
  draft.utm_source = null
  draft.utm_medium = null
  draft.utm_campaign = null
  draft.device = visitor.agent.device
  draft.user_agent = visitor.agent.userAgent
  draft.geo_city = visitor.hidesCity ? null : visitor.city.city
  draft.geo_country = visitor.city.country
  draft.source = visitor.agent.source
  draft.currency = null
  draft.consent = visitor.consent
  draft.search_term = null
  draft.results_count = null
  draft.payment_type = null
  draft.order_id = null
  draft.coupon = null
  draft.tax_minor = null
  draft.shipping_minor = null
  draft.discount_minor = null
  draft.refund_minor = null
  draft.items = NO_ITEMS
}

/** Copies all fields from one event to another; order lines are shared, as they never change. */
export function copyEvent(from: Readonly<EventDraft>, to: EventDraft): void {
  Object.assign(to, from)
}
