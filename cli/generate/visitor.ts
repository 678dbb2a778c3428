/**
 * One visitor of the simulated shop: who it is for good, and where it is in its present visit. Objects are
 * reused from visit to visit; the fields are plain so that a step costs well under a microsecond.
 */
import type { Event, EventType, Item } from '../domain/events/contracts.ts'
import type { Product } from './catalogue.ts'
import { type Agent, BOT_AGENTS, type City, pickAgent, pickCity } from './places.ts'
import type { IdSource, Random } from './random.ts'

/** An event that can be filled in again and again. */
export type EventDraft = { -readonly [Field in keyof Event]: Event[Field] }

export type VisitorKind = 'shopper' | 'bot' | 'kiosk'

/** What a visit does next. */
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

/** What an event says of the one who caused it. */
export interface VisitorIdentity {
  readonly anonymousId: string
  readonly customerId: string | null
  readonly sessionId: string | null
  readonly agent: Agent
  readonly city: City
  readonly hidesCity: boolean
  readonly consent: boolean | null
}

export interface CartLine {
  readonly product: Product
  quantity: number
}

export class Visitor {
  /** Next in the same slot of the waiting list. */
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
  /** Time of its latest event, ms. */
  lastMs = 0

  step: VisitStep = 'leave'
  sessionId: string | null = null
  /** Pages the visitor still wants to see. */
  patience = 0
  /** How near to buying: 0 to 1. */
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

/** Everything that does not depend on the step: who, with what, from where; the payload is emptied. */
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

/** All fields of one event written over another; order lines are shared, they never change. */
export function copyEvent(from: Readonly<EventDraft>, to: EventDraft): void {
  Object.assign(to, from)
}
