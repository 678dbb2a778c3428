/**
 * The doors of the collector: for each path, whose requests it takes, how its sender shows a key,
 * and how its body becomes events.
 */
import type { IncomingMessage } from 'node:http'
import type { Delivery, Incoming } from '../../domain/collector/collector.ts'
import { isSigned, readAuthorization } from '../../domain/collector/credentials.ts'
import {
  listGa4Events,
  listSegmentCalls,
  type MapRows,
  mapByAll,
  type WebhookRequest,
  wrapWebhook,
} from '../../domain/collector/foreign-events.ts'
import { type IncomingEvent, listOwnEvents } from '../../domain/collector/own-event.ts'
import { RowFault } from '../../domain/documents/source-row.ts'
import { asObject, isObject } from '../../domain/kernel/json.ts'
import { Refusal } from './answers.ts'
import { readJson, readJsonLines } from './bodies.ts'

interface RequestParts {
  readonly incoming: IncomingMessage
  readonly body: Buffer
  readonly path: string
  /** When its body had been read. */
  readonly receivedMs: number
}

/** A request whose body was read. */
export class ReadRequest {
  readonly incoming: IncomingMessage
  readonly body: Buffer
  readonly query: URLSearchParams
  readonly path: string
  readonly receivedMs: number
  #json: { readonly value: unknown } | undefined

  constructor({ incoming, body, path, receivedMs }: RequestParts) {
    this.incoming = incoming
    this.body = body
    this.path = path
    this.receivedMs = receivedMs
    const { url = '' } = incoming
    const at = url.indexOf('?')
    this.query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  }

  /** The JSON of the body with all digits of its numbers, or why it is none; parsed once. */
  exactJson(): unknown {
    this.#json ??= { value: readJson(this.body, true) }
    return this.#json.value
  }
}

/** How requests of a path are taken. */
export interface Door {
  /** Only pages send here. */
  readonly isOfPages: boolean
  /** The key, or the name of a sender whose signature is right, or why it is refused. */
  readonly authenticate: (
    request: ReadRequest,
  ) => { readonly key: string | undefined } | { readonly sender: string } | Refusal
  readonly list: (request: ReadRequest) => readonly Incoming[]
}

/** Compiled mappings of other systems' events; undefined where the project has no such file. */
export interface Mappings {
  readonly segment: MapRows | undefined
  readonly ga4: MapRows | undefined
  /** Every webhook goes through all of its shop system; each leaves out what is not its own. */
  readonly shopify: readonly MapRows[]
  readonly woocommerce: readonly MapRows[]
}

/** The events of a body that can't be read as JSON: one, with its bytes. */
function faulty(fault: RowFault, bytes: Buffer): IncomingEvent {
  return { fields: fault, raw: bytes, ignored: [] }
}

/** Events by the contract's names, from the tracker, apps and servers. */
export function createOwnDoor(
  readEvent: (raw: unknown) => IncomingEvent,
  isOfPages: boolean,
): Door {
  return {
    isOfPages,
    authenticate: ({ incoming, query }) => ({
      key: readAuthorization(incoming.headers.authorization) ?? query.get('key') ?? undefined,
    }),
    list: ({ incoming, body }) => {
      if (/^application\/(x-)?ndjson/i.test(incoming.headers['content-type'] ?? ''))
        return readJsonLines(body).map(({ value, bytes }) =>
          value instanceof RowFault ? faulty(value, bytes) : readEvent(value),
        )
      const value = readJson(body, false)
      if (value instanceof RowFault) return [faulty(value, body)]
      return listOwnEvents(value).map(readEvent)
    },
  }
}

/** Calls of Segment's HTTP API; `call` as in SEGMENT_CALLS. */
export function createSegmentDoor(call: string, map: MapRows): Door {
  return {
    isOfPages: false,
    authenticate: (request) => ({
      key:
        readAuthorization(request.incoming.headers.authorization) ??
        request.query.get('writeKey') ??
        readMember(request.exactJson(), 'writeKey'),
    }),
    list: (request) =>
      listMapped(request, (value) =>
        listSegmentCalls(call, value, request.receivedMs).flatMap(map),
      ),
  }
}

/** Requests of GA4's Measurement Protocol; its `api_secret` is a write key. */
export function createGa4Door(map: MapRows): Door {
  return {
    isOfPages: false,
    authenticate: ({ query }) => ({ key: query.get('api_secret') ?? undefined }),
    list: (request) => {
      const { query, receivedMs } = request
      const id = query.get('measurement_id') ?? query.get('firebase_app_id') ?? ''
      return listMapped(request, (value) => listGa4Events(value, id, receivedMs).flatMap(map))
    },
  }
}

/** What tells the webhooks of a shop system: its headers, and the secrets of its signatures. */
export interface WebhookDoor {
  readonly sender: 'shopify' | 'woocommerce'
  readonly secrets: readonly string[]
  readonly mappings: readonly MapRows[]
  readonly signature: string
  readonly headers: Readonly<Record<keyof WebhookRequest, string>>
}

const SHOPIFY = {
  signature: 'x-shopify-hmac-sha256',
  headers: {
    topic: 'x-shopify-topic',
    id: 'x-shopify-event-id',
    triggered_at: 'x-shopify-triggered-at',
    shop: 'x-shopify-shop-domain',
  },
} as const

const WOOCOMMERCE = {
  signature: 'x-wc-webhook-signature',
  headers: {
    topic: 'x-wc-webhook-topic',
    id: 'x-wc-webhook-delivery-id',
    triggered_at: 'date',
    shop: 'x-wc-webhook-source',
  },
} as const

/** The door of a shop system. */
export function describeWebhooks(
  sender: WebhookDoor['sender'],
  secrets: readonly string[],
  mappings: readonly MapRows[],
): WebhookDoor {
  return { sender, secrets, mappings, ...(sender === 'shopify' ? SHOPIFY : WOOCOMMERCE) }
}

/** Orders and refunds of a shop system, signed by it. */
export function createWebhookDoor(webhooks: WebhookDoor): Door {
  const { sender, secrets, mappings, signature, headers } = webhooks
  const read = (request: IncomingMessage, name: string) => String(request.headers[name] ?? '')
  return {
    isOfPages: false,
    authenticate: ({ incoming, body }) => {
      // WooCommerce asks, without a signature, whether anybody is there before it saves a webhook.
      if (isPing(body) && read(incoming, headers.topic) === '') return { sender }
      if (secrets.length === 0)
        return new Refusal(401, `No secret is set: collect.secrets.${sender} in ccs.yml.`)
      if (isSigned(body, read(incoming, signature), secrets)) return { sender }
      return new Refusal(401, `The signature is not that of collect.secrets.${sender}.`)
    },
    list: (request) => {
      const of = (name: keyof WebhookRequest) => read(request.incoming, headers[name])
      const about = {
        ...{ topic: of('topic'), id: of('id') },
        ...{ triggered_at: of('triggered_at'), shop: of('shop') },
      }
      if (isPing(request.body)) return []
      return listMapped(request, (value) => mapByAll(mappings, wrapWebhook(about, value)))
    },
  }
}

function isPing(body: Buffer): boolean {
  return body.length < 40 && /^webhook_id=\d+$/.test(body.toString('latin1'))
}

/** One event in the address, for pages without JavaScript. */
export function createPixelDoor(
  readEvent: (raw: unknown) => IncomingEvent,
  numeric: ReadonlySet<string>,
): Door {
  return {
    isOfPages: true,
    authenticate: ({ query }) => ({ key: query.get('key') ?? undefined }),
    list: ({ query }) => {
      const raw: Record<string, unknown> = {}
      for (const [name, value] of query) {
        if (name === 'key' || name === '__proto__') continue
        raw[name] = numeric.has(name) && /^\d{1,15}$/.test(value) ? Number(value) : value
      }
      raw.event_type ??= 'page_view'
      return [readEvent(raw)]
    },
  }
}

function listMapped(
  request: ReadRequest,
  map: (value: unknown) => readonly Incoming[],
): readonly Incoming[] {
  const value = request.exactJson()
  return value instanceof RowFault ? [faulty(value, request.body)] : map(value)
}

/** A text member of a JSON object; undefined for anything else. */
function readMember(value: unknown, name: string): string | undefined {
  const found = isObject(value) ? asObject(value)[name] : undefined
  return typeof found === 'string' ? found : undefined
}

/** What a delivery is called in rejects. */
export function toDelivery({ body, path }: ReadRequest, events: Delivery['events']): Delivery {
  return { events, body, door: path }
}
