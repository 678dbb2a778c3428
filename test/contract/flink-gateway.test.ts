/**
 * The client of Flink's SQL Gateway against answers of a gateway 2.3.0, recorded one statement
 * after another; most frames of Java's stacks and most of the parser's tokens are left out.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CcsError } from '../../cli/domain/kernel/errors.ts'
import { openGateway } from '../../cli/engines/flink/client/gateway.ts'
import type { StatementRefused } from '../../cli/engines/flink/client/gateway-error.ts'

interface Recorded {
  readonly sql: string
  readonly pages: readonly { readonly status: number; readonly body: unknown }[]
}

const RECORDED: Readonly<Record<string, Recorded>> = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../fixtures/flink/answers.json'), 'utf8'),
)

/** A gateway that answers each statement by its recorded pages, and notes what it was asked. */
async function replay(): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = []
  let pages: Recorded['pages'] = []
  let next = 0
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    let text = ''
    request.on('data', (part) => {
      text += part
    })
    request.on('end', () => {
      asked.push(`${request.method} ${request.url?.replace(/[0-9a-f-]{36}/g, '*')}`)
      if (request.url === '/v4/info') return answer(200, { version: '2.3.0' })
      if (request.url === '/v4/sessions') return answer(200, { sessionHandle: 's' })
      if (request.method === 'DELETE') return answer(200, { status: 'CLOSED' })
      if (request.method === 'POST') {
        const { statement } = JSON.parse(text)
        const one = Object.values(RECORDED).find(({ sql }) => sql === statement)
        pages = one?.pages ?? []
        next = 0
        if (pages.length > 1) return answer(200, { operationHandle: 'o' })
      }
      const page = pages[next++]
      answer(page?.status ?? 404, page?.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, asked }
}

async function run(name: string) {
  const { url, asked } = await replay()
  const session = await openGateway({ url }, { pollMs: 1 }).openSession()
  const sql = RECORDED[name]?.sql ?? ''
  const locate = (line: number, column: number) => ({ file: 'sql/x.sql', line, column })
  return { asked, outcome: await session.execute(sql, { locate }).catch((error) => error) }
}

test('rows are collected over all pages of a result, and the operation is closed', async () => {
  const { outcome, asked } = await run('select')
  expect(outcome).toMatchObject({
    columns: [
      { name: 'x', type: 'INTEGER' },
      { name: 'y', type: 'VARCHAR' },
    ],
    rows: [
      [1, 'a'],
      [2, null],
    ],
  })
  expect(outcome.jobId).toMatch(/^[0-9a-f]{32}$/)
  expect(asked.filter((one) => one.startsWith('GET')).length).toBe(RECORDED.select?.pages.length)
  expect(asked.at(-1)).toBe('DELETE /v4/sessions/s/operations/o/close')
})

test('a statement without rows says that it was executed, and starts no job', async () => {
  const { outcome } = await run('ddl')
  expect(outcome).toMatchObject({ rows: [['OK']], jobId: undefined })
})

test.each([
  ['unknown column', "Column 'b' not found in any table", [3, 3]],
  [
    'no operator',
    "Cannot apply '+' to arguments of type '<INTEGER> + <DATE>'. " +
      "Supported form(s): '<NUMERIC> + <NUMERIC>'",
    [2, 3],
  ],
  ['syntax', 'Encountered "<EOF>"', [1, 21]],
  ['not a query', 'Non-query expression encountered in illegal context', [1, 1]],
  ['unknown function', 'No match found for function signature nope(<NUMERIC>)', [1, 8]],
  ['unknown table', "Object 'nowhere' not found", [1, 15]],
  [
    'reads bad connector',
    "Could not find any factory for identifier 'kafkaa' that implements " +
      "'org.apache.flink.table.factories.DynamicTableFactory' in the classpath",
    [1, 1],
  ],
  ['division', '/ by zero', [1, 1]],
  [
    'no view twice',
    "Temporary table '`default_catalog`.`default_database`.`v`' already exists",
    [1, 1],
  ],
])('a refusal is the innermost cause with its place: %s', async (name, message, [line, column]) => {
  const { outcome } = await run(name)
  expect(outcome).toBeInstanceOf(CcsError)
  const { code, location, fault } = outcome as StatementRefused
  expect({ code, message: fault.message, location }).toEqual({
    code: 'CCS_ENGINE_REFUSED',
    message,
    location: { file: 'sql/x.sql', line, column },
  })
})

test('a session that the gateway has closed is named', async () => {
  const { outcome } = await run('closed session')
  expect(outcome.message).toMatch(/^Flink refuses it: Session '[0-9a-f-]+' does not exist\.$/)
})

test('a statement that takes too long is cancelled', async () => {
  const { url, asked } = await replay()
  const session = await openGateway({ url }, { pollMs: 1 }).openSession()
  const ended = session.execute(RECORDED.select?.sql ?? '', { waitMaxMs: -1 })
  await expect(ended).rejects.toMatchObject({ code: 'CCS_ENGINE_UNREACHABLE' })
  expect(asked.at(-1)).toBe('DELETE /v4/sessions/s/operations/o/close')
})

test('nobody who listens, and a server that is no gateway, are told apart', async () => {
  const { url } = await replay()
  const { port } = new URL(url)
  await expect(openGateway({ url }).readVersion()).resolves.toBe('2.3.0')
  const other = openGateway({ url: `http://127.0.0.1:${port}/apis` })
  await expect(other.readVersion()).rejects.toThrow('is not a SQL Gateway of Flink')
  const nobody = openGateway({ url: 'http://127.0.0.1:1' })
  await expect(nobody.readVersion()).rejects.toThrow('does not answer: nothing listens there')
})
