/**
 * The collector's HTTP server. A request is checked in the order in which little work comes first:
 * its origin, its size, its key, its share of the limits. Then its events are taken, and it is
 * answered when they are on disk. What a page sees of it is in docs/collect.md.
 */
import {
  createRoutes,
  type HttpServer,
  openHttpServer,
  type RequestContext,
  type Routes,
  sendWhole,
  type WholeAnswer,
} from '../../adapters/http/http-server.ts'
import type { Collector } from '../../domain/collector/collector.ts'
import { ANYONE, type WriteKeys } from '../../domain/collector/credentials.ts'
import type { DataCentres } from '../../domain/collector/network.ts'
import { TokenBuckets } from '../../domain/collector/token-buckets.ts'
import type { CollectSettings } from '../../domain/config/read-collect.ts'
import type { Clock } from '../../domain/kernel/clock.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import {
  type Asked,
  allowOrigin,
  answerRefusal,
  answerTaken,
  Refusal,
  setCookie,
} from './answers.ts'
import { readBody } from './bodies.ts'
import { type Door, ReadRequest, toDelivery } from './doors.ts'
import { type Client, checkOrigin, Places, readClient } from './request-sender.ts'

/** What the server stands on. */
export interface CollectorServerParts {
  readonly settings: CollectSettings
  readonly collector: Collector
  readonly keys: WriteKeys
  readonly dataCentres: DataCentres
  readonly clock: Clock
  /** By path; all take POST but the pixel. */
  readonly doors: ReadonlyMap<string, Door>
  readonly pixel: Door
  /** Whether there is room on the disk for what comes. */
  readonly hasRoom: () => boolean
  /** Adds routes of files and other documents. */
  readonly addFiles: (routes: Routes, port: () => number) => void
}

/** More events in one request are refused. */
const EVENTS_MAX = 5_000
const HEADERS_MS = 10_000
const REQUEST_MS = 20_000
/**
 * Longer than proxies keep a connection for its next request (nginx a minute, Caddy two): a request
 * that meets a connection just closed fails there, and is not sent again.
 */
const IDLE_MS = 130_000
const BUSY_RETRY_MS = 2_000
/** A server is away, which may be over in a moment. */
const AWAY_RETRY_MS = 5_000
const FULL_RETRY_MS = 30_000

/** A transparent GIF of one pixel. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64')

/** Listens; undefined if the port is taken. */
export async function startCollectorServer(
  parts: CollectorServerParts,
): Promise<HttpServer | undefined> {
  const { settings, doors } = parts
  const own: { port: number } = { port: settings.port }
  const intake = new Intake(parts, () => own.port)
  const routes = createRoutes()
  for (const [path, door] of doors) {
    routes.post(path, async (c) => sendWhole(c, await intake.take(c, path, door)))
    routes.options(path, (c) => sendWhole(c, intake.allow(c)))
  }
  routes.get(settings.pixel, async (c) => sendWhole(c, await intake.takePixel(c)))
  routes.get('/healthz', (c) => sendWhole(c, intake.health()))
  parts.addFiles(routes, () => own.port)
  routes.notFound((c) => sendWhole(c, refuse(new Refusal(404, 'There is nothing at this path.'))))
  routes.onError((error, c) => sendWhole(c, refuse(describeFailure(error))))
  const server = await openHttpServer({
    ...{ routes, host: settings.host, port: settings.port },
    ...{ headersMs: HEADERS_MS, requestMs: REQUEST_MS, idleMs: IDLE_MS, headerBytesMax: 16 * 1024 },
  })
  own.port = server?.port ?? settings.port
  return server
}

function refuse(refusal: Refusal): WholeAnswer {
  return answerRefusal(refusal, { origin: undefined, cookieName: '' })
}

class Intake {
  readonly #parts: CollectorServerParts
  readonly #port: () => number
  readonly #keyLimits: TokenBuckets
  readonly #networkLimits: TokenBuckets
  readonly #places: Places

  constructor(parts: CollectorServerParts, port: () => number) {
    this.#parts = parts
    this.#port = port
    this.#keyLimits = new TokenBuckets(parts.settings.rate.key)
    this.#networkLimits = new TokenBuckets(parts.settings.rate.network)
    this.#places = new Places(parts.dataCentres)
  }

  async take(context: RequestContext, path: string, door: Door): Promise<WholeAnswer> {
    const { settings } = this.#parts
    const asked = this.#ask(context)
    if (asked instanceof Refusal) return this.#refuse(asked)
    const body = await readBody(context.env.incoming, settings.requestBytesMax)
    if (body instanceof Refusal) return this.#refuse(body, asked)
    const { incoming } = context.env
    const request = new ReadRequest({ incoming, body, path, receivedMs: this.#now() })
    const taken = await this.#receive(request, door, asked)
    if (taken instanceof Refusal) return this.#refuse(taken, asked)
    const { answer, cookie } = taken
    const isUnreadable =
      answer.events.length === 1 && UNREADABLE.has(answer.events[0]?.reason ?? '')
    // Nothing to keep is 200, which WooCommerce expects when it asks whether anybody is there.
    const status = isUnreadable ? 400 : answer.events.length === 0 ? 200 : 202
    return answerTaken(status, answer, cookie, asked)
  }

  #now(): number {
    return this.#parts.clock.nowMs()
  }

  async takePixel(context: RequestContext): Promise<WholeAnswer> {
    const asked = this.#ask(context)
    if (asked instanceof Refusal) return this.#refuse(asked)
    const { incoming } = context.env
    const body = Buffer.from((incoming.url ?? '').slice(0, this.#parts.settings.eventBytesMax))
    const path = this.#parts.settings.pixel
    const request = new ReadRequest({ incoming, body, path, receivedMs: this.#now() })
    const taken = await this.#receive(request, this.#parts.pixel, asked)
    if (taken instanceof Refusal) return this.#refuse(taken, asked)
    const [receipt] = taken.answer.events
    return {
      status: 200,
      headers: {
        ...allowOrigin(asked.origin),
        ...setCookie(taken.cookie, asked),
        'content-type': 'image/gif',
        'cache-control': 'no-store',
        'cross-origin-resource-policy': 'cross-origin',
        'x-ccs': [receipt?.status, receipt?.reason].filter(Boolean).join(' '),
      },
      body: GIF,
    }
  }

  /** The answer to a browser that asks whether a page may send. */
  allow(context: RequestContext): WholeAnswer {
    const asked = this.#ask(context)
    if (asked instanceof Refusal) return this.#refuse(asked)
    const headers = {
      ...allowOrigin(asked.origin),
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization, content-type, content-encoding',
      'access-control-max-age': '86400',
    }
    return { status: 204, headers, body: '' }
  }

  /** 503 while nothing can be kept; those who send are not refused for a write that failed. */
  health(): WholeAnswer {
    const busy = this.#findObstacle() ?? this.#findFailure()
    return busy ? answerRefusal(busy, NOBODY) : { status: 200, headers: PLAIN, body: 'ok\n' }
  }

  #ask(context: RequestContext): (Asked & { readonly origin: string | undefined }) | Refusal {
    this.#parts.collector.figures.requests++
    const { settings } = this.#parts
    const origin = checkOrigin(context.env.incoming, settings, this.#port())
    if (origin instanceof Refusal) return origin
    return this.#findObstacle() ?? { origin, cookieName: settings.cookie }
  }

  #findObstacle(): Refusal | undefined {
    if (!this.#parts.hasRoom())
      return new Refusal(503, 'The disk is almost full; nothing more is taken.', FULL_RETRY_MS)
    if (!this.#parts.collector.isBehind) return undefined
    return new Refusal(503, 'The disk is behind; try again soon.', BUSY_RETRY_MS)
  }

  #findFailure(): Refusal | undefined {
    if (!this.#parts.collector.hasJustFailed) return undefined
    return new Refusal(503, 'The last events could not be kept.', AWAY_RETRY_MS)
  }

  async #receive(request: ReadRequest, door: Door, asked: Asked) {
    const { collector, keys, settings } = this.#parts
    const shown = door.authenticate(request)
    if (shown instanceof Refusal) return shown
    const name = 'sender' in shown ? shown.sender : keys.findSender(shown.key)
    if (name === undefined)
      return new Refusal(401, 'The write key is missing, or none of collect.keys in ccs.yml.')
    const more = { origin: asked.origin, places: this.#places, isOfPages: door.isOfPages }
    const client = readClient(request.incoming, settings, more)
    const events = door.list(request)
    if (events.length > EVENTS_MAX)
      return new Refusal(413, `A request may have ${EVENTS_MAX} events; send fewer.`)
    const { receivedMs } = request
    const refused = this.#limit(name, client, events.length, receivedMs)
    if (refused !== undefined) return refused
    try {
      return await collector.take(toDelivery(request, events), { ...client, name, receivedMs })
    } catch (error) {
      return describeFailure(error)
    }
  }

  #limit(name: string, client: Client, events: number, nowMs: number): Refusal | undefined {
    const tokens = Math.max(1, events)
    const ofNetwork = client.isBrowser && client.isRemote
    const waitMs =
      (name === ANYONE ? 0 : this.#keyLimits.take(name, tokens, nowMs)) ||
      (ofNetwork ? this.#networkLimits.take(client.network, tokens, nowMs) : 0)
    return waitMs === 0
      ? undefined
      : new Refusal(429, 'Too many events; see collect.rate in ccs.yml.', waitMs)
  }

  #refuse(refusal: Refusal, asked: Asked = NOBODY): WholeAnswer {
    this.#parts.collector.figures.refuse(refusal.status)
    return answerRefusal(refusal, asked)
  }
}

const NOBODY: Asked = { origin: undefined, cookieName: '' }
const PLAIN = { 'content-type': 'text/plain', 'cache-control': 'no-store' }
/** Reasons for which a whole body is no events at all; it is in events.dlq. */
const UNREADABLE = new Set(['invalid_json', 'undecodable'])

/** On Kafka a write that failed may have reached the topic all the same. */
const UNSURE = 'It is not sure that this was kept; send it again:'

/** The events could not be written: the sender keeps them and tries again. */
function describeFailure(error: unknown): Refusal {
  if (!(error instanceof CcsError))
    return new Refusal(503, `${UNSURE} the collector failed.`, FULL_RETRY_MS)
  const retryMs = error.exit === EXIT.unreachable ? AWAY_RETRY_MS : FULL_RETRY_MS
  return new Refusal(503, `${UNSURE} ${error.message}`, retryMs)
}
