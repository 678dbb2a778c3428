/**
 * The local HTTP server: queries, status and the live page, on 127.0.0.1 only. Pages of other
 * origins can't use it: the Host header must be this machine's; a request that a browser sends for
 * a page of another origin is refused, except for the page's own files; and a query must come as
 * application/json, which browsers send across origins only after asking. A request without an
 * Origin header comes from no page. The page itself may load nothing from elsewhere. Every POST
 * wants the token of the data directory, and so does what shows single events; see access.ts.
 */
import type { ServerResponse } from 'node:http'
import {
  ALREADY_SENT,
  createRoutes,
  openHttpServer,
  type Routes,
} from '../../adapters/http/http-server.ts'
import type { ServedFile } from '../../adapters/http/served-files.ts'
import { toErrorDocument } from '../../domain/console/text.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { DOOR_HEADER } from '../../domain/monitoring/history.ts'
import { type Access, deniedError } from './access.ts'

/** An answer that is no JSON document. */
export interface TextAnswer {
  readonly status: number
  /** Its media type. */
  readonly type: string
  readonly text: string
}

/** A JSON document that is written already, in pieces. */
export class WrittenJson {
  readonly pieces: readonly Buffer[]

  constructor(pieces: readonly Buffer[]) {
    this.pieces = pieces
  }
}

/** Who asks. */
export interface Asker {
  /** Aborts when the client has gone. */
  readonly signal?: AbortSignal
  /** Whether it may read single events and orders. */
  readonly mayReadAll: boolean
  /** What the client says it is, for the history. */
  readonly door: string
}

/** Answers with a JSON document, or what is one already. */
export type Route = (body: unknown, asker: Asker) => Promise<unknown>

/** The live page's part of the routes. */
export interface PageRoutes {
  readonly asset: (name: string) => Promise<ServedFile | undefined>
  /** Takes over the response and keeps it open. */
  readonly stream: (
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
    mayReadAll: boolean,
  ) => Promise<void>
}

/** What to serve. */
export interface ServerOptions {
  /** 0: any free port. */
  readonly port: number
  /** Throw CCS_PORT_TAKEN if the port is taken; otherwise another one is used. */
  readonly isPortRequired?: boolean
  /** Who may ask for what. */
  readonly access: Access
  /** By method and path, such as `GET /status`; POST wants the token. */
  readonly routes: Readonly<Record<string, Route>>
  /** What GET answers as text, by path; each gets the request's Accept header. */
  readonly texts?: Readonly<Record<string, (accept: string) => Promise<TextAnswer>>>
  readonly page?: PageRoutes
}

/** A server that accepts requests. */
export interface RunningServer {
  readonly port: number
  close(): Promise<void>
}

const BODY_BYTES_MAX = 1024 * 1024
const DOOR_MAX = 40

const SECURITY = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'; object-src 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const

/** CcsErrors of routes become error documents. Throws if no port can be opened at all. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const own: { port: number | undefined } = { port: undefined }
  const app = createApp(options, () => own.port)
  const open = (port: number) =>
    openHttpServer({
      ...{ routes: app, host: '127.0.0.1', port },
      ...{ requestMs: 30_000, idleMs: 5_000, headerBytesMax: 16 * 1024 },
    })
  const wanted = await open(options.port)
  if (wanted === undefined && options.isPortRequired)
    throw new CcsError('CCS_PORT_TAKEN', `Port ${options.port} of 127.0.0.1 is taken.`, {
      hint: 'Name another one with --port, or 0 for any that is free. What listens there: ss -ltnp',
    })
  const server = wanted ?? (await open(0))
  own.port = server?.port
  if (server === undefined)
    throw new CcsError('CCS_UNEXPECTED', 'No port on 127.0.0.1 could be opened.', {
      hint: 'See what listens there: ss -ltn',
    })
  return server
}

function createApp(options: ServerOptions, port: () => number | undefined): Routes {
  const app = createRoutes()
  app.use(async (c, next) => {
    const own = [`127.0.0.1:${port()}`, `localhost:${port()}`]
    if (!own.includes(c.req.header('host') ?? ''))
      return sendJson(403, { error: { message: 'This server answers on 127.0.0.1 only.' } })
    const origin = c.req.header('origin')
    const isForeign = origin !== undefined && !own.some((host) => origin === `http://${host}`)
    if (isForeign && !(c.req.method === 'GET' && isAsset(c.req.path)))
      return sendJson(403, {
        error: { message: 'Pages of another origin can’t use this server. Open its own page.' },
      })
    return next()
  })
  const { access } = options
  for (const [name, route] of Object.entries(options.routes)) {
    const [method = 'GET', path = '/'] = name.split(' ')
    app.on(method, path, async (c) => {
      const { headers, signal } = c.req.raw
      const door = (headers.get(DOOR_HEADER) ?? 'http').slice(0, DOOR_MAX)
      const asker = { signal, door, mayReadAll: access.mayReadAll(headers, port()) }
      if (method === 'GET')
        return sendJson(200, await route(undefined, asker), access.answerChallenge(headers))
      if (!access.hasToken(headers)) throw deniedError(name)
      if (c.req.header('content-type') !== 'application/json')
        return sendJson(415, { error: { message: 'Send application/json.' } })
      const text = await readBody(c.req.raw)
      if (text === undefined)
        return sendJson(413, { error: { message: 'The request is too large.' } })
      const body: unknown = text === '' ? undefined : JSON.parse(text)
      return sendJson(200, await route(body, asker))
    })
  }
  for (const [path, answer] of Object.entries(options.texts ?? {}))
    app.get(path, async (c) => {
      const { status, type, text } = await answer(c.req.header('accept') ?? '')
      return send(status, type, text)
    })
  if (options.page) addPage(app, options.page, access, port)
  app.notFound((c) => sendJson(404, { error: { message: `There is nothing at ${c.req.path}.` } }))
  app.onError((error) => {
    if (error instanceof CcsError && error.code === 'CCS_ENGINE_DENIED')
      return sendJson(401, { error: toErrorDocument(error) }, { 'www-authenticate': 'Bearer' })
    if (error instanceof CcsError)
      return sendJson(error.exit === EXIT.usage ? 400 : 500, { error: toErrorDocument(error) })
    if (error instanceof SyntaxError)
      return sendJson(400, { error: { message: 'That is not JSON.' } })
    return sendJson(500, { error: { message: error.message } })
  })
  return app
}

/** Whether a path is one of the live page's own files, which hold no data of the shop. */
function isAsset(path: string): boolean {
  return path === '/' || path === '/favicon.ico' || /^\/assets\/[^/]+$/.test(path)
}

function addPage(
  app: Routes,
  page: PageRoutes,
  access: Access,
  port: () => number | undefined,
): void {
  const asset = async (name: string, request: Request) => {
    const found = await page.asset(name)
    if (!found) return sendJson(404, { error: { message: `There is no file ${name}.` } })
    const headers = { ...SECURITY, etag: found.etag, 'cache-control': 'no-cache' }
    if (request.headers.get('if-none-match') === found.etag)
      return new Response(null, { status: 304, headers })
    return new Response(found.bytes, { headers: { ...headers, 'content-type': found.type } })
  }
  app.get('/', (c) => {
    const token = c.req.query('token')
    if (token === undefined) return asset('index.html', c.req.raw)
    if (!access.isToken(token)) throw deniedError('The address of the page')
    // The address with the token is in no history of links that follow.
    const headers = { location: '/', 'set-cookie': access.makeCookie(port()) }
    return new Response(null, {
      status: 303,
      headers: { ...SECURITY, ...headers, 'cache-control': 'no-store' },
    })
  })
  app.get('/favicon.ico', (c) => asset('favicon.svg', c.req.raw))
  app.get('/assets/:name', (c) => asset(c.req.param('name'), c.req.raw))
  app.get('/api/stream', async (c) => {
    await page.stream(c.env.outgoing, SECURITY, access.mayReadAll(c.req.raw.headers, port()))
    return ALREADY_SENT
  })
}

type More = Readonly<Record<string, string>>

function sendJson(status: number, document: unknown, more: More = {}): Response {
  const isWritten = document instanceof WrittenJson
  const body = isWritten ? Buffer.concat(document.pieces) : JSON.stringify(document)
  return send(status, 'application/json; charset=utf-8', body, more)
}

function send(
  status: number,
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
  more: More = {},
): Response {
  const headers = { ...SECURITY, 'content-type': type, 'cache-control': 'no-store', ...more }
  return new Response(body, { status, headers })
}

/** undefined if it is too large; the rest is then not read. */
async function readBody(request: Request): Promise<string | undefined> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of request.body ?? []) {
    bytes += part.length
    if (bytes > BODY_BYTES_MAX) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
