/**
 * A server of HTTP/1.1 on a port of this machine, with Hono's routes. The one file that imports
 * hono and its server. What does not send its request in time is cut off.
 */
import type { Server } from 'node:http'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'

/** Routes by method and path. */
export type Routes = Hono<{ Bindings: HttpBindings }>

/** A request on its way; `env.incoming` and `env.outgoing` are Node's own objects. */
export type RequestContext = Context<{ Bindings: HttpBindings }>

/** No routes yet. */
export function createRoutes(): Routes {
  return new Hono<{ Bindings: HttpBindings }>()
}

/** The answer of a route that has written to `env.outgoing` itself. */
export const ALREADY_SENT = RESPONSE_ALREADY_SENT

/** An answer that is written whole. */
export interface WholeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/**
 * Writes an answer past Hono: a Response of the web's API, whose body is a stream, costs more than
 * all else about a small request.
 */
export function sendWhole(
  { env }: RequestContext,
  { status, headers, body }: WholeAnswer,
): Response {
  const { outgoing } = env
  // A client that has gone needs no answer.
  if (!outgoing.headersSent && !outgoing.destroyed) {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    const hasLength = status !== 204 && status !== 304
    const sized = hasLength ? { ...headers, 'content-length': String(length) } : headers
    outgoing.writeHead(status, sized).end(body)
  }
  return ALREADY_SENT
}

/** Where to listen, and how long to wait for a client. */
export interface Listening {
  readonly routes: Routes
  /** Address of the network interface. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** From the connection to the end of the request. */
  readonly requestMs: number
  /** From the connection to the end of the headers; by default as long as the whole request. */
  readonly headersMs?: number
  /** How long a connection stays open without a request. */
  readonly idleMs: number
  readonly headerBytesMax: number
}

/** A server that accepts requests. */
export interface HttpServer {
  readonly port: number
  close(): Promise<void>
}

/** Listens; undefined if the port is taken or not allowed. Any other error is thrown. */
export async function openHttpServer(listening: Listening): Promise<HttpServer | undefined> {
  const { routes, host, port, requestMs, headersMs = requestMs, idleMs, headerBytesMax } = listening
  // Without other options it creates a server of node:http.
  const server = createAdaptorServer({
    fetch: routes.fetch,
    // Otherwise it replaces Node's global Request and Response in the whole process.
    overrideGlobalObjects: false,
    serverOptions: {
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      headersTimeout: headersMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: headerBytesMax,
    },
  }) as Server
  const opened = await listen(server, host, port)
  return opened === undefined ? undefined : { port: opened, close: () => closeServer(server) }
}

/** Lets answers that are under way end: those of queries say that the engine stops. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const idle = setInterval(() => server.closeIdleConnections(), CLOSE_EVERY_MS)
  const late = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await closed
  clearInterval(idle)
  clearTimeout(late)
}

const CLOSE_EVERY_MS = 20
/** A client that does not read its answer is not waited for any longer. */
const CLOSE_MS = 2_000

/** The opened port; undefined if it is taken. */
function listen(server: Server, host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(undefined) : reject(error)
    server.once('error', fail)
    server.listen({ port, host }, () => {
      server.off('error', fail)
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : undefined)
    })
  })
}
