/**
 * What the collector serves besides taking events: the tracker, the settings that Segment's browser
 * library asks for, and the example shop.
 */
import { gzipSync } from 'node:zlib'
import { type RequestContext, type Routes, sendWhole } from '../../adapters/http/http-server.ts'
import { MEDIA_TYPES, ServedFiles, tagBytes } from '../../adapters/http/served-files.ts'
import type { CollectSettings } from '../../domain/config/read-collect.ts'
import { allowOrigin, answerJson } from './answers.ts'
import { checkOrigin } from './request-sender.ts'

/** The tracker's files by the ending of their path. */
export interface TrackerFiles {
  readonly '.js': Buffer
  readonly '.mjs': Buffer
  readonly '.d.ts': Buffer
}

const PLAIN = { 'content-type': 'text/plain; charset=utf-8' }

/** The shop's pages may load nothing from elsewhere. */
const SHOP_POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
  "object-src 'none'"

/** Adds the routes. `shop` is the folder of the example shop; undefined: it is not served. */
export function createFileRoutes(
  settings: CollectSettings,
  { tracker, shop }: { readonly tracker: TrackerFiles; readonly shop: string | undefined },
) {
  return (routes: Routes, port: () => number): void => {
    const base = settings.script.slice(0, -'.js'.length)
    for (const [ending, bytes] of Object.entries(tracker))
      addTrackerFile(routes, { path: `${base}${ending}`, bytes, settings, port })
    routes.get('/v1/projects/:key/settings', (context) => {
      const origin = checkOrigin(context.env.incoming, settings, port())
      const allowed = typeof origin === 'string' ? origin : undefined
      const document = describeSegment(context, context.req.param('key') ?? '')
      return sendWhole(context, answerJson(document, allowed))
    })
    // Segment's libraries report their own figures here.
    routes.post('/v1/m', (c) => sendWhole(c, { status: 204, headers: {}, body: '' }))
    if (shop === undefined) return
    routes.get('/shop', (c) =>
      sendWhole(c, { status: 302, headers: { location: '/shop/' }, body: '' }),
    )
    const files = new ServedFiles(shop)
    const send = (c: RequestContext, name: string) => sendShopFile(c, files, name)
    routes.get('/shop/', (c) => send(c, 'index.html'))
    routes.get('/shop/:name', (c) => send(c, c.req.param('name') ?? ''))
  }
}

interface TrackerFile {
  readonly path: string
  readonly bytes: Buffer
  readonly settings: CollectSettings
  readonly port: () => number
}

/** A browser asks again after an hour, and gets 304 if nothing has changed. */
const TRACKER_CACHE = 'public, max-age=3600'

function addTrackerFile(routes: Routes, { path: at, bytes, settings, port }: TrackerFile): void {
  const packed = gzipSync(bytes, { level: 9 })
  const etag = tagBytes(bytes)
  routes.get(at, (context) => {
    const { incoming } = context.env
    const origin = checkOrigin(incoming, settings, port())
    const isPacked = /\bgzip\b/.test(String(incoming.headers['accept-encoding'] ?? ''))
    const headers = {
      ...allowOrigin(typeof origin === 'string' ? origin : undefined),
      'content-type': MEDIA_TYPES['.js'] ?? '',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': TRACKER_CACHE,
      vary: 'accept-encoding, origin',
      etag,
    }
    if (hasFile(context, etag)) return sendWhole(context, { status: 304, headers, body: '' })
    const encoded = isPacked ? { ...headers, 'content-encoding': 'gzip' } : headers
    return sendWhole(context, { status: 200, headers: encoded, body: isPacked ? packed : bytes })
  })
}

/** Where Segment's browser library sends to: here. */
function describeSegment(context: RequestContext, key: string): object {
  const host = context.env.incoming.headers.host ?? ''
  const isHost = /^[\w.:[\]-]{1,200}$/.test(host)
  const protocol = /^(127\.0\.0\.1|localhost)(:|$)/.test(host) ? 'http' : 'https'
  const own = isHost ? { apiHost: `${host}/v1`, protocol } : {}
  return { integrations: { 'Segment.io': { apiKey: key, ...own } } }
}

async function sendShopFile(context: RequestContext, files: ServedFiles, name: string) {
  const found = await files.get(name)
  if (!found) {
    const body = 'There is no such page in the example shop.\n'
    return sendWhole(context, { status: 404, headers: PLAIN, body })
  }
  const { bytes, type, etag } = found
  const headers = {
    'content-type': type,
    'content-security-policy': SHOP_POLICY,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
    etag,
  }
  return hasFile(context, etag)
    ? sendWhole(context, { status: 304, headers, body: '' })
    : sendWhole(context, { status: 200, headers, body: bytes })
}

/** Whether the browser has these bytes already. */
function hasFile(context: RequestContext, etag: string): boolean {
  return context.env.incoming.headers['if-none-match'] === etag
}
