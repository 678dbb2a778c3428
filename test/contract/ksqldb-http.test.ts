/**
 * The client of ksqlDB against broken connections and servers that are not ksqlDB. Answers of a real
 * ksqlDB are in the recordings: ksqldb-recorded.test.ts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { CcsError } from '../../cli/domain/kernel/errors.ts'
import { openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { KsqlQueries } from '../../cli/engines/ksqldb/client/query-service.ts'
import { unusedAddress } from '../fixtures/registry-proxy.ts'

async function withServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  run: (url: string, asked: readonly string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    request.resume().on('end', () => answer(request, response))
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

async function errorOf(promise: Promise<unknown>): Promise<CcsError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof CcsError) return error
  throw new Error(`no CcsError: ${String(error)}`)
}

const HEAD = '{"queryId":"q","columnNames":["n"],"columnTypes":["BIGINT"]}\n'

test('errors tell a dead, a foreign and a refusing server apart, without passwords', async () => {
  const dead = await errorOf(openKsql({ url: await unusedAddress() }).info())
  expect(dead).toMatchObject({ code: 'CCS_ENGINE_UNREACHABLE', exit: 4 })
  expect(dead.message).toContain('nothing listens there')
  await withServer(
    (_request, response) => response.end('<html>hello</html>'),
    async (url) => {
      const error = await errorOf(openKsql({ url }).info())
      expect(error.message).toBe(`What answers at ${url} (status 200) is not ksqlDB.`)
    },
  )
  await withServer(
    (_request, response) => response.writeHead(401).end(),
    async (url) => {
      const server = { url, username: 'ada', password: 'lovelace' }
      for (const ask of [openKsql(server).info(), openKsql(server).query('SELECT 1')]) {
        const error = await errorOf(ask)
        expect(error.message).toBe(`ksqlDB at ${url} refuses the credentials.`)
        expect(`${error.stack} ${error.hint}`).not.toContain('lovelace')
      }
    },
  )
})

test('a statement whose answer is lost is not sent again, as it may have been executed', async () => {
  await withServer(
    (request) => request.socket.destroy(),
    async (url, asked) => {
      const error = await errorOf(openKsql({ url }).execute('CREATE STREAM x AS SELECT * FROM y'))
      expect(error).toMatchObject({ code: 'CCS_ENGINE_UNREACHABLE', exit: 4 })
      expect(asked).toEqual(['POST /ksql'])
    },
  )
})

test('an answer that is cut off is reported as a closed connection', async () => {
  await withServer(
    (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000 })
      response.write('[{"@type":', () => response.socket?.destroy())
    },
    async (url) => {
      const error = await errorOf(openKsql({ url }).execute('LIST STREAMS'))
      expect(error.message).toBe(`ksqlDB at ${url} does not answer: it closed the connection.`)
    },
  )
})

test('rows come one by one, and a broken query throws after the last of them', async () => {
  await withServer(
    (_request, response) => {
      response.write(`${HEAD}[1]\n[9007199`)
      response.write('254740993]\n[3')
      setTimeout(() => response.socket?.destroy(), 20)
    },
    async (url) => {
      const { columns, rows } = await openKsql({ url }).query('SELECT n FROM s EMIT CHANGES')
      expect(columns).toEqual([{ name: 'n', type: 'BIGINT' }])
      const seen: unknown[] = []
      const error = await errorOf(
        (async () => {
          for await (const row of rows) seen.push(row)
        })(),
      )
      expect(seen).toEqual([[1], ['9007199254740993']])
      expect(error.message).toContain('broke the query off')
    },
  )
})

test('a push query that ends by itself is an error, unless its LIMIT was reached', async () => {
  await withServer(
    (request, response) =>
      response.end(request.url === '/query-stream' ? `${HEAD}[1]\n[2]\n` : '[]'),
    async (url) => {
      const options = { prefix: '', target: 'ksqldb', models: [] }
      const queries = new KsqlQueries(openKsql({ url }), options)
      const count = async (sql: string) => {
        let seen = 0
        for await (const _row of (await queries.query(sql)).rows) seen++
        return seen
      }
      expect(await count('SELECT n FROM s')).toBe(2)
      expect(await count('SELECT n FROM s EMIT CHANGES LIMIT 2')).toBe(2)
      for (const sql of ['SELECT n FROM s EMIT CHANGES', 'SELECT n FROM s EMIT CHANGES LIMIT 3'])
        expect(await errorOf(count(sql))).toMatchObject({
          code: 'CCS_ENGINE_UNREACHABLE',
          exit: 4,
          message: `ksqlDB at ${url} ended the query, which should go on.`,
        })
    },
  )
})

test('cancelling a query, by signal or by leaving the loop, ends rows and connection', async () => {
  let closed = 0
  await withServer(
    (_request, response) => {
      response.on('close', () => closed++)
      response.write(`${HEAD}[1]\n`)
    },
    async (url) => {
      const client = openKsql({ url })
      const stop = new AbortController()
      const waiting = await client.query('SELECT n FROM s EMIT CHANGES', { signal: stop.signal })
      const seen: unknown[] = []
      for await (const row of waiting.rows) {
        seen.push(row)
        setTimeout(() => stop.abort(), 20)
      }
      expect(seen).toEqual([[1]])
      const left = await client.query('SELECT n FROM s EMIT CHANGES')
      for await (const row of left.rows) {
        seen.push(row)
        break
      }
      expect(seen).toEqual([[1], [1]])
      await expect.poll(() => closed).toBe(2)
    },
  )
})

test('a late head of an answer is an error, a long silence after it is not', async () => {
  await withServer(
    (request, response) => {
      if (request.url === '/info') return
      response.write(HEAD)
      setTimeout(() => response.end('[1]\n'), 300)
    },
    async (url) => {
      const client = openKsql({ url }, { timeoutMs: 100 })
      expect((await errorOf(client.info())).message).toContain('no answer within 0.1 s')
      const seen: unknown[] = []
      const { rows } = await client.query('SELECT n FROM s EMIT CHANGES')
      for await (const row of rows) seen.push(row)
      expect(seen).toEqual([[1]])
    },
  )
})
