/**
 * What the collector serves besides taking events: the tracker, the settings that Segment's browser
 * library asks for, and the example shop.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import {
  type RequestContext,
  type Routes,
  sendWhole,
  type WholeAnswer,
} from '../../adapters/http/http-server.ts'
import type { CollectSettings } from '../../domain/config/read-collect.ts'
import { allowOrigin, answerJson } from './answers.ts'
import { checkOrigin } from './request-sender.ts'

/** The tracker's files by the ending of their path. */
export interface TrackerFiles {
  readonly '.js': Buffer
  readonly '.mjs': Buffer
  readonly '.d.ts': Buffer
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
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
    const send = async (c: RequestContext, name: string) =>
      sendWhole(c, await readShopFile(shop, name))
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
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
  routes.get(at, (context) => {
    const { incoming } = context.env
    const origin = checkOrigin(incoming, settings, port())
    const isPacked = /\bgzip\b/.test(String(incoming.headers['accept-encoding'] ?? ''))
    const headers = {
      ...allowOrigin(typeof origin === 'string' ? origin : undefined),
      'content-type': TYPES['.js'] ?? '',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': TRACKER_CACHE,
      vary: 'accept-encoding, origin',
      etag,
    }
    if (incoming.headers['if-none-match'] === etag)
      return sendWhole(context, { status: 304, headers, body: '' })
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

/** A file of the folder itself: names are looked up in its list, never joined to a path. */
async function readShopFile(folder: string, name: string): Promise<WholeAnswer> {
  const names: readonly string[] = await readdir(folder).catch(() => [])
  const type = TYPES[path.extname(name)]
  if (!names.includes(name) || type === undefined)
    return { status: 404, headers: PLAIN, body: 'There is no such page in the example shop.\n' }
  const bytes = await readFile(path.join(folder, name))
  return {
    status: 200,
    headers: {
      'content-type': type,
      'content-security-policy': SHOP_POLICY,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
      etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    },
    body: bytes,
  }
}
