/**
 * How ccs handles a Kafka Connect that is busy, slow, foreign or gone; a server of the test plays
 * its part. test/cluster has tests with a real one.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { connectRest } from '../../cli/adapters/connect/rest.ts'
import { CcsError } from '../../cli/domain/kernel/errors.ts'

interface Seen {
  readonly what: string
  readonly authorization: string | undefined
  readonly body: string
}

/** Runs a server that answers each request as given; passes its address and the requests it got. */
async function withServer(
  answer: (seen: Seen, response: ServerResponse, count: number) => void,
  run: (url: string, asked: readonly Seen[]) => Promise<void>,
): Promise<void> {
  const asked: Seen[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const { authorization } = request.headers
    const seen = {
      what: `${request.method} ${request.url}`,
      authorization,
      body: Buffer.concat(parts).toString(),
    }
    asked.push(seen)
    answer(seen, response, asked.length)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // a TCP server's address is one
  try {
    await run(`http://127.0.0.1:${port}`, asked)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function errorOf(promise: Promise<unknown>): Promise<CcsError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof CcsError) return error
  throw new Error(`no CcsError: ${String(error)}`)
}

test('a rebalance and an unready gateway are waited out', async () => {
  const busy = [
    [
      409,
      { error_code: 409, message: 'Cannot complete request because of a conflicting operation' },
    ],
    [503, { error_code: 503, message: 'not ready' }],
  ] as const
  await withServer(
    (_seen, response, count) => {
      const [status, body] = busy[count - 1] ?? [200, { name: 'a', config: {} }]
      json(response, status, body)
    },
    async (url, asked) => {
      await connectRest({ url }).put('a b', { topics: 'x' })
      expect(asked.map((one) => one.what)).toEqual(Array(3).fill('PUT /connectors/a%20b/config'))
      expect(JSON.parse(asked[2]?.body ?? '')).toEqual({ topics: 'x' })
    },
  )
})

test('a cluster that stays busy is an error after some tries', async () => {
  await withServer(
    (_seen, response) => json(response, 409, { message: 'rebalance in progress' }),
    async (url, asked) => {
      const error = await errorOf(connectRest({ url }, { triesMax: 3 }).restart('a'))
      expect(error).toMatchObject({ code: 'CCS_CONNECT_UNREACHABLE', exit: 4 })
      expect(error.message).toContain('409: rebalance in progress')
      expect(asked).toHaveLength(3)
    },
  )
})

test('a server that never answers is an error after the time limit', async () => {
  await withServer(
    () => undefined,
    async (url) => {
      const connect = connectRest({ url }, { timeoutMs: 200, triesMax: 2 })
      const error = await errorOf(connect.connectors())
      expect(error.code).toBe('CCS_CONNECT_UNREACHABLE')
      expect(error.message).toBe(`Kafka Connect does not answer at ${url}: no answer within 0.2 s.`)
    },
  )
})

test('a closed port and a server other than Connect give different errors', async () => {
  let free = ''
  await withServer(
    (_seen, response) => void response.end('<html>welcome</html>'),
    async (url) => {
      free = url
      const error = await errorOf(connectRest({ url }).readServerInfo())
      expect(error.message).toBe(`What answers at ${url} is no Kafka Connect.`)
      expect((await errorOf(connectRest({ url }).connectors())).message).toBe(error.message)
    },
  )
  const error = await errorOf(connectRest({ url: free }, { triesMax: 2 }).connectors())
  expect(error).toMatchObject({ code: 'CCS_CONNECT_UNREACHABLE', exit: 4 })
  expect(error.message).toContain('nothing listens there')
})

test('credentials are sent but appear in no error', async () => {
  const password = 'pa55-of-connect'
  await withServer(
    (_seen, response) => json(response, 401, { message: 'User cannot access the resource.' }),
    async (url, asked) => {
      const basic = `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`
      const inUrl = { url: url.replace('http://', `http://ann:${password}@`) }
      for (const server of [{ url, username: 'ann', password }, inUrl]) {
        const error = await errorOf(connectRest(server).plugins())
        expect(error.message).toBe(`Kafka Connect at ${url} refuses the credentials.`)
        expect(error.hint).toContain('connect.username')
      }
      expect(asked.map((one) => one.authorization)).toEqual([basic, basic])
      const gone = connectRest({ ...inUrl, url: inUrl.url.replace(/:\d+$/, ':1') }, { triesMax: 1 })
      const error = await errorOf(gone.readServerInfo())
      const cause =
        error.cause instanceof Error ? `${error.cause.stack}${JSON.stringify(error.cause)}` : ''
      expect(`${error.message}${error.hint}${cause}`).not.toContain(password)
      expect(cause).not.toBe('')
    },
  )
})

test('a new connector has no status yet; a stack trace is shortened to its causes', async () => {
  const trace = [
    'org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler',
    '\tat org.apache.kafka.connect.runtime.Worker(Worker.java:1)',
    'Caused by: org.apache.kafka.connect.errors.DataException: no Avro',
    '\t... 9 more',
    'Caused by: java.io.IOException: Unknown magic byte!',
  ].join('\n')
  const running = { state: 'RUNNING', worker_id: 'w' }
  const body = {
    old: {
      info: { config: { topics: 'x', 'tasks.max': '1' } },
      status: { connector: running, tasks: [{ id: 0, state: 'FAILED', trace }] },
    },
    fresh: { info: { config: {} } },
  }
  await withServer(
    (_seen, response) => json(response, 200, body),
    async (url) => {
      expect(await connectRest({ url }).connectors()).toEqual([
        { name: 'fresh', state: 'UNASSIGNED', tasks: [], config: {} },
        {
          name: 'old',
          state: 'RUNNING',
          tasks: [
            {
              id: 0,
              state: 'FAILED',
              fault: [
                'org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler',
                'Caused by: org.apache.kafka.connect.errors.DataException: no Avro',
                'Caused by: java.io.IOException: Unknown magic byte!',
              ].join('\n'),
            },
          ],
          config: { topics: 'x', 'tasks.max': '1' },
        },
      ])
    },
  )
})

test('removing a connector that does not exist succeeds', async () => {
  await withServer(
    (seen, response) =>
      seen.what.startsWith('DELETE') && seen.what.endsWith('/a')
        ? json(response, 404, { error_code: 404, message: 'Connector a not found' })
        : json(response, 404, { error_code: 404, message: 'Unknown connector b' }),
    async (url) => {
      await connectRest({ url }).remove('a')
      expect((await errorOf(connectRest({ url }).offsets('b'))).code).toBe('CCS_CONNECTOR_MISSING')
    },
  )
})
