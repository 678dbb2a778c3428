/**
 * The engine's local HTTP: queries, status and the live page, on 127.0.0.1 only. A page of another origin
 * cannot use it: the Host header must be this machine's, and a question must come as application/json, which
 * a browser sends across origins only after asking. The page itself may load nothing from anywhere else.
 */
import type { Server, ServerResponse } from 'node:http'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { toErrorDocument } from '../../domain/console/text.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import type { Asset } from './assets.ts'

/** Answers one request with a JSON document; CcsErrors become error documents. The signal: who asked has gone. */
export type Route = (body: unknown, signal?: AbortSignal) => Promise<unknown>

/** The live page, where it is served. */
export interface PageRoutes {
  readonly asset: (name: string) => Promise<Asset | undefined>
  /** Takes the response over and keeps it open. */
  readonly stream: (
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ) => Promise<void>
}

export interface ServerOptions {
  /** 0: any free port. A port that is taken makes another one be used. */
  readonly port: number
  /** `GET /status` and so on. */
  readonly routes: Readonly<Record<string, Route>>
  readonly page?: PageRoutes
}

export interface RunningServer {
  readonly port: number
  close(): Promise<void>
}

const BODY_BYTES_MAX = 1024 * 1024

const SECURITY = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const

type Bindings = { Bindings: HttpBindings }

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const own: { port: number | undefined } = { port: undefined }
  const app = makeApp(options, () => own.port)
  // Without options of its own kind it makes a server of node:http.
  const server = createAdaptorServer({
    fetch: app.fetch,
    // Else it puts a Request and a Response of its own in place of Node's, for the whole process.
    overrideGlobalObjects: false,
    serverOptions: { requestTimeout: 30_000, maxHeaderSize: 16 * 1024 },
  }) as Server
  const port = (await listen(server, options.port)) ?? (await listen(server, 0))
  own.port = port
  if (port === undefined)
    throw new CcsError('CCS_UNEXPECTED', 'No port on 127.0.0.1 could be opened.', {
      hint: 'Look at what listens there: ss -ltn',
    })
  return {
    port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

function makeApp(options: ServerOptions, port: () => number | undefined): Hono<Bindings> {
  const app = new Hono<Bindings>()
  app.use(async (c, next) => {
    const host = c.req.header('host') ?? ''
    if (![`127.0.0.1:${port()}`, `localhost:${port()}`].includes(host))
      return send(403, { error: { message: 'This address answers to 127.0.0.1 only.' } })
    return next()
  })
  for (const [name, route] of Object.entries(options.routes)) {
    const [method = 'GET', path = '/'] = name.split(' ')
    app.on(method, path, async (c) => {
      if (method === 'GET') return send(200, await route(undefined, c.req.raw.signal))
      if (c.req.header('content-type') !== 'application/json')
        return send(415, { error: { message: 'Send application/json.' } })
      const text = await readBody(c.req.raw)
      if (text === undefined) return send(413, { error: { message: 'The request is too large.' } })
      const body: unknown = text === '' ? undefined : JSON.parse(text)
      return send(200, await route(body, c.req.raw.signal))
    })
  }
  if (options.page) addPage(app, options.page)
  app.notFound((c) => send(404, { error: { message: `There is nothing at ${c.req.path}.` } }))
  app.onError((error) => {
    if (error instanceof CcsError)
      return send(error.exit === EXIT.usage ? 400 : 500, { error: toErrorDocument(error) })
    if (error instanceof SyntaxError) return send(400, { error: { message: 'That is not JSON.' } })
    return send(500, { error: { message: error.message } })
  })
  return app
}

function addPage(app: Hono<Bindings>, page: PageRoutes): void {
  const asset = async (name: string, request: Request) => {
    const found = await page.asset(name)
    if (!found) return send(404, { error: { message: `There is no file ${name}.` } })
    const headers = { ...SECURITY, etag: found.etag, 'cache-control': 'no-cache' }
    if (request.headers.get('if-none-match') === found.etag)
      return new Response(null, { status: 304, headers })
    return new Response(found.bytes, { headers: { ...headers, 'content-type': found.type } })
  }
  app.get('/', (c) => asset('index.html', c.req.raw))
  app.get('/favicon.ico', (c) => asset('favicon.svg', c.req.raw))
  app.get('/assets/:name', (c) => asset(c.req.param('name'), c.req.raw))
  app.get('/api/stream', async (c) => {
    await page.stream(c.env.outgoing, SECURITY)
    return RESPONSE_ALREADY_SENT
  })
}

function send(status: number, document: unknown): Response {
  return new Response(JSON.stringify(document), {
    status,
    headers: {
      ...SECURITY,
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    },
  })
}

/** The port that was opened; undefined when it is taken. */
function listen(server: Server, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(undefined) : reject(error)
    server.once('error', fail)
    server.listen({ port, host: '127.0.0.1' }, () => {
      server.off('error', fail)
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : undefined)
    })
  })
}

/** undefined when it is too large; the rest of it is then not read. */
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
