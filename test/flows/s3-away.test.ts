/**
 * A bucket that nobody answers for: the engine commits as always, what waits is told, and no key is
 * shown. What happens with a real server: test/faults/s3-lake.test.ts.
 */

import { type AddressInfo, createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { findTexts } from '../fixtures/find-texts.ts'
import { makeS3Project, type S3Project } from '../fixtures/s3-project.ts'
import { CANARY } from '../fixtures/s3-server.ts'

let project: S3Project | undefined

afterEach(() => project?.remove())

/** An address where nothing listens. */
async function findDeadAddress(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server on a port has an address of this type.
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

test('without its bucket a commit is made, waits, and is told; nothing shows a key', async () => {
  const address = await findDeadAddress()
  project = await makeS3Project(address)
  const range = ['--from', '2026-03-01', '--to', '2026-03-02', '--count', '200']
  expect((await project.ccs(['gen', ...range])).code).toBe(0)
  const ran = await project.ccs(['run', '--once'])
  expect(ran.code, ran.stderr).toBe(0)
  const why = `no S3 server answers at ${address}`
  expect(ran.stderr).toContain(`The last commit is not on S3 yet: `)
  expect(ran.stderr).toContain(why)
  const status = await project.ccs(['status', '--json'])
  const { serial, s3 } = JSON.parse(status.stdout)
  expect(serial).toBe(1)
  expect(s3).toMatchObject({ serial: null, failure: { message: expect.stringContaining(why) } })
  expect(s3.waitingFiles).toBeGreaterThan(5)
  const shown = await project.ccs(['status'])
  expect(shown.stdout).toMatch(/no commit yet of 1; \d+ files \([\d.]+ KiB\) wait; since 20/)
  const push = await project.ccs(['lake', 'push'])
  expect(push.code).toBe(4)
  expect(push.stderr).toContain('CCS_S3_UNREACHABLE')
  const verify = await project.ccs(['lake', 'verify', '--s3'])
  expect(verify.code).toBe(4)
  const doctor = await project.ccs(['doctor'])
  const values = Object.values(CANARY)
  for (const { stdout, stderr } of [ran, status, shown, push, verify, doctor])
    for (const value of values) expect(`${stdout}${stderr}`).not.toContain(value)
  expect(await findTexts(project.data, values)).toEqual([])
})
