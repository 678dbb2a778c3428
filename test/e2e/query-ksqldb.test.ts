/** `ccs query` with an unreachable ksqlDB: a clear error, the right exit code, and no secrets. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { type KsqldbFolder, ksqldbFolder } from '../fixtures/ksqldb-folder.ts'
import { unusedAddress } from '../fixtures/registry-proxy.ts'
import { type Ran, runCcs } from './run-ccs.ts'

async function asked(
  url: string,
  sql: string,
  login = '',
  flags: readonly string[] = [],
): Promise<Ran> {
  const servers = { url, brokers: '127.0.0.1:9', registry: 'http://127.0.0.1:9' }
  let project: KsqldbFolder | undefined
  try {
    project = ksqldbFolder(servers, 'x_', login)
    return await runCcs(['query', '--target', 'ksqldb', '--project', project.dir, ...flags, sql], {
      env: { PASSWORD: 'lovelace' },
    })
  } finally {
    project?.remove()
  }
}

test('an unreachable or unknown host exits 4 and names ksqldb.url', async () => {
  for (const url of [await unusedAddress(), 'http://nobody.invalid:8088']) {
    const { code, stdout, stderr } = await asked(url, 'SELECT * FROM silver.orders EMIT CHANGES')
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
    expect(stderr).toContain('CCS_ENGINE_UNREACHABLE')
    expect(stderr).toContain('Check ksqldb.url of the target in ccs.yml.')
  }
})

test('rejected credentials are an error without the password', async () => {
  const asks: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asks.push(request.headers.authorization)
    response.writeHead(401).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // a TCP server's address is one
  try {
    const ran = await asked(
      `http://127.0.0.1:${port}`,
      'SELECT * FROM silver.orders EMIT CHANGES',
      ', username: ada, password: "${PASSWORD}"',
    )
    expect(ran.code).toBe(4)
    expect(ran.stderr).toContain('refuses the credentials')
    expect(ran.stdout + ran.stderr).not.toContain('lovelace')
    expect(asks[0]).toBe(`Basic ${Buffer.from('ada:lovelace').toString('base64')}`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

test('anything but a SELECT is refused without asking the server', async () => {
  const { code, stderr } = await asked(await unusedAddress(), 'DROP STREAM x')
  expect(code).toBe(2)
  expect(stderr).toContain('A query must be one SELECT.')
})

test('a limit that ksqlDB does not have is refused without asking the server', async () => {
  for (const flags of [
    ['--timeout', '1 second'],
    ['--max-rows', '10'],
  ]) {
    const { code, stderr } = await asked(await unusedAddress(), 'SELECT 1', '', flags)
    expect(code).toBe(2)
    expect(stderr).toContain(`error[CCS_USAGE_INVALID]: ksqlDB answers this query and knows no`)
    expect(stderr).toContain(`knows no ${flags[0]}.`)
  }
})
