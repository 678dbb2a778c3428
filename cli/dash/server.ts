/**
 * The engine's local HTTP: queries and status as JSON, on 127.0.0.1 only. A page of another origin cannot
 * use it: the Host header must be this machine's, and a query must come as application/json, which a
 * browser sends across origins only after asking.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { CcsError, EXIT } from '../core/errors.ts'
import { errorDocument } from '../core/text.ts'

/** Answers one request with a JSON document; CcsErrors become error documents. */
export type Route = (body: unknown) => Promise<unknown>

export interface ServerOptions {
  /** 0: any free port. A port that is taken makes another one be used. */
  readonly port: number
  /** `GET /status` and so on. */
  readonly routes: Readonly<Record<string, Route>>
}

export interface RunningServer {
  readonly port: number
  close(): Promise<void>
}

const BODY_BYTES_MAX = 1024 * 1024

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const server = createServer({ requestTimeout: 30_000, maxHeaderSize: 16 * 1024 })
  const port = (await listen(server, options.port)) ?? (await listen(server, 0))
  if (port === undefined)
    throw new CcsError('CCS_UNEXPECTED', 'No port on 127.0.0.1 could be opened.', {
      hint: 'Look at what listens there: ss -ltn',
    })
  server.on('request', (request, response) => {
    void answer(request, response, options.routes, port)
  })
  return {
    port,
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
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

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: ServerOptions['routes'],
  port: number,
): Promise<void> {
  const send = (status: number, document: unknown) => {
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    response.end(JSON.stringify(document))
  }
  try {
    const host = request.headers.host ?? ''
    if (![`127.0.0.1:${port}`, `localhost:${port}`].includes(host))
      return send(403, { error: { message: 'This address answers to 127.0.0.1 only.' } })
    const path = (request.url ?? '').split('?')[0]
    const route = routes[`${request.method} ${path}`]
    if (!route) return send(404, { error: { message: `There is nothing at ${path}.` } })
    if (request.method !== 'GET' && request.headers['content-type'] !== 'application/json')
      return send(415, { error: { message: 'Send application/json.' } })
    const text = await readBody(request)
    if (text === undefined) return send(413, { error: { message: 'The request is too large.' } })
    send(200, await route(text === '' ? undefined : JSON.parse(text)))
  } catch (error) {
    if (error instanceof CcsError)
      return send(error.exit === EXIT.usage ? 400 : 500, { error: errorDocument(error) })
    if (error instanceof SyntaxError) return send(400, { error: { message: 'That is not JSON.' } })
    send(500, { error: { message: error instanceof Error ? error.message : String(error) } })
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request) {
    bytes += part.length
    if (bytes > BODY_BYTES_MAX) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
