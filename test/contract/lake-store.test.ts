/**
 * What the lake's copy says when a server of S3 says no, fails or is none: one clear sentence, with
 * no key in it. Its requests against a real server: test/faults/s3-puts.test.ts.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openLakeStore } from '../../cli/adapters/s3/lake-store.ts'
import { CcsError } from '../../cli/domain/kernel/errors.ts'
import type { ObjectStore } from '../../cli/domain/lake/s3/object-store.ts'
import { CANARY } from '../fixtures/s3-server.ts'

interface Answer {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

let answers: (request: { readonly method: string; readonly url: string }) => Answer | 'none'
let server: Server
let endpoint: string
const sent: { readonly headers: Readonly<Record<string, unknown>>; readonly body: string }[] = []

beforeAll(async () => {
  // The SDK takes credentials from this process's environment.
  for (const [name, value] of Object.entries(CANARY)) process.env[name] = value
  server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    const answer = answers({ method, url })
    let body = ''
    request.on('error', () => undefined)
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      sent.push({ headers, body })
      if (answer === 'none') return
      response.writeHead(answer.status, { 'content-type': 'application/xml', ...answer.headers })
      response.end(method === 'HEAD' ? undefined : answer.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server on a port has an address of this type.
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => sent.splice(0))
afterAll(async () => {
  for (const name of Object.keys(CANARY)) delete process.env[name]
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const store = (to = endpoint): ObjectStore =>
  openLakeStore({ bucket: 'shop', prefix: 'lake/', endpoint: to, region: '' }, process.env, 500)

const refusal = (status: number, code: string): Answer => {
  const message = `Refused: ${code} for ${CANARY.AWS_SECRET_ACCESS_KEY}`
  return { status, body: `<Error><Code>${code}</Code><Message>${message}</Message></Error>` }
}

/** The error as `CODE message`. */
async function failureOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    expect(error.hint).not.toBe('')
    for (const text of [error.message, error.hint ?? ''])
      for (const value of Object.values(CANARY)) expect(text).not.toContain(value)
    return `${error.code} ${error.message}`
  }
  throw new Error('it did not fail')
}

const CASES: readonly (readonly [string, Answer, string])[] = [
  ['a bucket that does not exist', refusal(404, 'NoSuchBucket'), 'there is no bucket called shop.'],
  ['expired credentials', refusal(400, 'ExpiredToken'), 'the credentials of AWS have expired.'],
  ['a wrong key', refusal(403, 'InvalidAccessKeyId'), 'the credentials of AWS are refused'],
  ['a wrong secret', refusal(403, 'SignatureDoesNotMatch'), 'the credentials of AWS are refused'],
  ['a missing right', refusal(403, 'AccessDenied'), 'these credentials may not do that'],
  ['another region', refusal(301, 'PermanentRedirect'), 'the bucket is in another region.'],
  ['no conditional writes', refusal(501, 'NotImplemented'), "the server can't do what ccs needs"],
  ['a page that is no S3', { status: 404, body: '<html></html>' }, 'is not an S3 server.'],
]

for (const [name, answer, text] of CASES)
  test(`${name} is refused in one sentence`, async () => {
    answers = () => answer
    const failure = await failureOf(() => store().list(''))
    expect(failure).toContain('CCS_S3_REFUSED s3://shop/lake: ')
    expect(failure).toContain(text)
  })

test('a server that fails, or does not answer, may answer later', async () => {
  answers = () => refusal(503, 'SlowDown')
  expect(await failureOf(() => store().list(''))).toMatch(/^CCS_S3_UNREACHABLE .* status 503/)
  answers = () => 'none'
  expect(await failureOf(() => store().load('manifest.json'))).toBe(
    `CCS_S3_UNREACHABLE s3://shop/lake: no S3 server answers at ${endpoint} in time.`,
  )
  const nobody = store('http://user:canary-secret-key-5b2e8c@127.0.0.1:9')
  expect(await failureOf(() => nobody.list(''))).toMatch(
    /^CCS_S3_UNREACHABLE .*: no S3 server answers at http:\/\/\*\*\*@127\.0\.0\.1:9 /,
  )
})

test('an answer without a tag is not one of S3', async () => {
  answers = () => ({ status: 200, body: '<html>hello</html>' })
  const text = `what answers at ${endpoint} is not an S3 server.`
  expect(await failureOf(() => store().load('manifest.json'))).toContain(text)
  const body = Buffer.from('x')
  expect(await failureOf(() => store().replace('manifest.json', body, null))).toContain(text)
})

test('what is missing is undefined, and so is a write whose condition does not hold', async () => {
  answers = ({ method }) =>
    method === 'PUT' ? refusal(412, 'PreconditionFailed') : refusal(404, 'NoSuchKey')
  expect(await store().load('manifest.json')).toBe(undefined)
  expect(await store().inspect('manifest.json')).toBe(undefined)
  expect(await store().replace('manifest.json', Buffer.from('x'), '"old"')).toBe(undefined)
  expect(sent.at(-1)?.headers['if-match']).toBe('"old"')
  await store().replace('manifest.json', Buffer.from('x'), null)
  expect(sent.at(-1)?.headers['if-none-match']).toBe('*')
})

test('a write carries the checksum, and other bytes than those of it never arrive whole', async () => {
  answers = () => ({ status: 200, headers: { etag: '"1"' } })
  const bytes = Buffer.from('some rows of a table')
  const pieces = async function* () {
    yield bytes.subarray(0, 5)
    yield bytes.subarray(5)
  }
  await store().write('a.parquet', { bytes: bytes.length, crc32: crc32(bytes), pieces })
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  expect(sent.at(-1)?.headers['x-amz-checksum-crc32']).toBe(sum.toString('base64'))
  expect(sent.at(-1)?.body).toBe(bytes.toString())
  const wrong = { bytes: bytes.length, crc32: 1, pieces }
  expect(await failureOf(() => store().write('b.parquet', wrong))).toBe(
    'CCS_LAKE_DAMAGED b.parquet has other bytes than were written.',
  )
  expect(sent).toHaveLength(1)
})
