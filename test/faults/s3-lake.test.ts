/**
 * The lake on a real S3 server, by the built ccs: what readers of the bucket see, killed uploads, a
 * bucket that is away, wrong settings, and secrets that are nowhere.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { withDuck } from '../../cli/adapters/duckdb/with-duck.ts'
import { changeObject } from '../fixtures/bucket.ts'
import { endAll } from '../fixtures/child.ts'
import { seededRandom } from '../fixtures/fault-files.ts'
import { findTexts } from '../fixtures/find-texts.ts'
import { findVisibleFaults, makeS3Project, type S3Project } from '../fixtures/s3-project.ts'
import { CANARY, type S3Server, startS3 } from '../fixtures/s3-server.ts'
import { startSwitchableProxy } from '../fixtures/switchable-proxy.ts'

let s3: S3Server | string
const open: { remove(): void }[] = []
const shown: string[] = []

beforeAll(async () => {
  s3 = await startS3()
}, 300_000)
afterEach(async () => {
  await endAll()
  for (const one of open.splice(0)) one.remove()
})
afterAll(async () => {
  if (typeof s3 !== 'string') await s3.stop()
})

/** A test that is skipped, with the reason, without a server. */
function s3Test(name: string, run: (server: string) => Promise<void>, timeout = 300_000): void {
  test(name, { timeout }, async (context) => {
    if (typeof s3 === 'string') return context.skip(s3)
    await run(s3.url)
  })
}

async function makeProject(...args: Parameters<typeof makeS3Project>): Promise<S3Project> {
  const project = await makeS3Project(...args)
  open.push(project)
  return project
}

/** Runs it, and keeps what it shows for the search for secrets. */
async function run(project: S3Project, ...args: readonly string[]) {
  const ran = await project.ccs(args)
  shown.push(ran.stdout, ran.stderr)
  return ran
}

/** Returns the folder with these objects. */
async function download(project: S3Project, keys: readonly string[]): Promise<string> {
  const local = path.join(project.dir, 'read')
  for (const key of keys) {
    mkdirSync(path.dirname(path.join(local, key)), { recursive: true })
    writeFileSync(path.join(local, key), await project.read(key))
  }
  return local
}

const gen = (from: string, to: string, count: number) =>
  ['gen', '--from', from, '--to', to, '--count', String(count), '--duplicates', '5%'] as const

const json = async (project: S3Project, ...args: readonly string[]) =>
  JSON.parse((await run(project, ...args, '--json')).stdout)

s3Test('a reader finds the committed rows by the manifest, clicks among them', async (server) => {
  const project = await makeProject(server)
  await run(project, ...gen('2026-03-01', '2026-03-03', 2_000))
  const ran = await run(project, 'run', '--once')
  expect(ran.code, ran.stderr).toBe(0)
  const { serial, files } = await project.manifest()
  expect(serial).toBe((await json(project, 'status')).serial)
  const keys = ['manifest.json', ...files.map(({ key }) => key)].sort()
  expect((await project.keys()).toSorted()).toEqual(keys)
  // As a reader with any tool: the keys of a table from the manifest, then these objects.
  const local = await download(
    project,
    files.map(({ key }) => key),
  )
  const pathsOf = (table: string) =>
    files.filter((one) => one.table === table).map(({ key }) => `'${path.join(local, key)}'`)
  const rows = await withDuck({ threads: 1 }, async (duck) => {
    const read = async (table: string, columns: string) => {
      const from = `read_parquet([${pathsOf(table).join(', ')}], hive_partitioning = true)`
      return (await duck.all(`SELECT ${columns} FROM ${from} ORDER BY ALL`)).rows
    }
    const clicks =
      'event_id, customer_id, session_id, event_type, page, utm_campaign, device, geo_city'
    return {
      clicks: await read('bronze.clicks', `${clicks}, event_ts, source, CAST(dt AS DATE) AS dt`),
      bronze: await read('bronze.events', `${clicks}, event_ts, source, event_date AS dt`),
      silver: await read('silver.events', 'count(*) AS n, count(DISTINCT event_id) AS ids'),
      columns: (
        await duck.all(`DESCRIBE SELECT * FROM read_parquet(${pathsOf('bronze.clicks')[0]})`)
      ).rows.map((row) => [row.column_name, row.column_type]),
    }
  })
  expect(rows.clicks).toHaveLength(2_000)
  expect(rows.clicks).toEqual(rows.bronze)
  const { rows: counted } = await json(project, 'query', 'SELECT count(*) AS n FROM silver.events')
  expect(rows.silver).toEqual([{ n: counted[0].n, ids: counted[0].n }])
  expect(rows.columns.map(([name]) => name)).toEqual([
    ...['event_id', 'customer_id', 'session_id', 'event_type', 'page', 'utm_campaign', 'device'],
    ...['geo_city', 'event_ts', 'source', 'dt'],
  ])
  expect(rows.columns).toContainEqual(['event_ts', 'TIMESTAMP'])
})

s3Test(
  'verify finds what is damaged or gone in the bucket, and push --repair sends it',
  async (server) => {
    const project = await makeProject(server)
    await run(project, ...gen('2026-03-01', '2026-03-02', 500))
    await run(project, 'run', '--once')
    expect((await run(project, 'lake', 'verify', '--s3')).code).toBe(0)
    const { files } = await project.manifest()
    const [gone = '', damaged = ''] = files.map(({ key }) => key)
    await changeObject(server, 'lake', { key: project.prefix + gone })
    await changeObject(server, 'lake', { key: project.prefix + damaged, body: 'rotten' })
    const found = await json(project, 'lake', 'verify', '--s3')
    expect(found.damaged.map(({ file }: { file: string }) => file).sort()).toEqual(
      [gone, damaged].sort(),
    )
    const told = await run(project, 'lake', 'verify', '--s3')
    expect(told.code).toBe(5)
    expect(told.stderr).toContain('ccs lake push --repair')
    expect((await json(project, 'lake', 'push', '--repair')).uploadedFiles).toBe(2)
    expect((await run(project, 'lake', 'verify', '--s3')).code).toBe(0)
  },
)

s3Test(
  'uploads that are killed at any moment leave a whole commit visible, and go on',
  async (server) => {
    const random = seededRandom(11)
    const project = await makeProject(server, { more: 'keep: 1 s' })
    for (let day = 1; day <= 6; day++) {
      await run(
        project,
        ...gen(`2026-03-0${day}`, `2026-03-0${day + 1}`, 300),
        '--seed',
        String(day),
      )
      // Without a bucket, what it commits waits.
      project.setLake('keep: 1 s')
      await run(project, 'run', '--once')
      if (day % 3 === 0) await run(project, 'lake', 'compact', '--files-max', '1')
      project.setLake()
      for (let kill = 0; kill < 3; kill++) {
        const push = project.start(['lake', 'push'])
        await new Promise((resolve) => setTimeout(resolve, 400 + random() * 1_200))
        push.kill('SIGKILL')
        await push.ended
        if ((await project.keys()).includes('manifest.json'))
          expect(await findVisibleFaults(project)).toEqual([])
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const pushed = await json(project, 'lake', 'push')
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await run(project, 'lake', 'push')
    expect(pushed.serial).toBe((await json(project, 'status')).serial)
    const verified = await json(project, 'lake', 'verify', '--s3')
    expect(verified).toMatchObject({ ok: true, replaced: 0, unnamed: 0 })
    const { files } = await project.manifest()
    expect((await project.keys()).toSorted()).toEqual(
      ['manifest.json', ...files.map(({ key }) => key)].sort(),
    )
  },
)

s3Test(
  'while the bucket is away commits go on, status says why, and it catches up',
  async (server) => {
    const proxy = await startSwitchableProxy(server)
    try {
      const project = await makeProject(server, { address: proxy.url })
      const yml = path.join(project.dir, 'shop', 'ccs.yml')
      const text = readFileSync(yml, 'utf8')
      writeFileSync(yml, text.replace('checkpoint_every: 30 seconds', 'checkpoint_every: 1 second'))
      const engine = project.start(['up', '--eps', '100', '--no-dbt', '--port', '0'])
      const status = async () => json(project, 'status')
      const poll = (read: () => Promise<unknown>) =>
        expect.poll(read, { timeout: 60_000, interval: 500 })
      await poll(async () => (await status()).s3?.serial ?? 0).toBeGreaterThan(0)
      proxy.disconnect()
      await poll(async () => (await status()).s3.failure?.message).toContain('no S3 server answers')
      const then = await status()
      await poll(async () => (await status()).serial).toBeGreaterThan(then.serial + 3)
      const away = await status()
      expect(away.s3.serial).toBe(then.s3.serial)
      expect(away.s3.waitingFiles).toBeGreaterThan(0)
      const [, page = ''] = /(http:\/\/127\.0\.0\.1:\d+) /.exec(engine.output()) ?? []
      const metrics = await (await fetch(`${page}/metrics`)).text()
      expect(metrics).toContain(`ccs_s3_commit_serial ${away.s3.serial}\n`)
      expect(metrics).toContain('ccs_s3_failing 1\n')
      expect(metrics).toMatch(/^ccs_s3_waiting_files [1-9]/m)
      const shownStatus = await run(project, 'status')
      expect(shownStatus.stdout).toMatch(
        /s3 {14}s3:.*commit no\. \d+ of \d+;.* wait; since .*no S3 server/,
      )
      // Freshness is not held up: the newest event is in the answers.
      expect(away.newestAgeMs).toBeLessThan(30_000)
      proxy.reconnect()
      await poll(async () => (await status()).s3.failure).toBe(null)
      await poll(async () => {
        const { s3: copy, serial } = await status()
        return serial - copy.serial
      }).toBeLessThan(3)
      engine.kill('SIGTERM')
      expect(await engine.ended).toBe(0)
      shown.push(engine.output())
      const last = await status()
      expect(last.s3.serial).toBe(last.serial)
      expect(await findVisibleFaults(project)).toEqual([])
    } finally {
      await proxy.end()
    }
  },
)

s3Test('an erased person is gone from the bucket too, and the receipt says so', async (server) => {
  const project = await makeProject(server, { more: 'keep: 4 s' })
  await run(project, ...gen('2026-03-01', '2026-03-03', 1_500))
  await run(project, 'run', '--once')
  const { rows } = await json(
    project,
    'query',
    'SELECT customer_id FROM silver.events WHERE customer_id IS NOT NULL LIMIT 1',
  )
  const id = String(rows[0].customer_id)
  const before = await project.keys()
  const done = await json(project, 'erase', '--customer', id, '--yes')
  expect(done.s3).toMatchObject({ gone: null, problem: null })
  expect(done.s3.files).toBeGreaterThan(0)
  // No manifest names the old files, and they are there as long as a reader may need them.
  expect((await project.manifest()).replaced).toHaveLength(done.s3.files)
  await new Promise((resolve) => setTimeout(resolve, Date.parse(done.s3.due) - Date.now() + 50))
  await run(project, 'lake', 'push')
  // Files of days without the person are made again with the same bytes, so they stay.
  const { files } = await project.manifest()
  const keys = (await project.keys()).toSorted()
  expect(keys).toEqual(['manifest.json', ...files.map(({ key }) => key)].sort())
  expect(before.filter((key) => !keys.includes(key)).length).toBeGreaterThan(0)
  const { s3: receipt } = JSON.parse(readFileSync(done.receipt, 'utf8'))
  expect(receipt).toMatchObject({ files: 0, gone: expect.stringMatching(/^20\d\d-/) })
  const local = await download(project, keys)
  expect(await findTexts(local, [`"${id}"`])).toEqual([])
})

s3Test('wrong settings are one clear sentence, and nothing is half-visible', async (server) => {
  const project = await makeProject(server)
  await run(project, ...gen('2026-03-01', '2026-03-02', 200))
  await run(project, 'run', '--once')
  const at = (place: string) => project.setLake(`s3: { bucket: lake, prefix: p, ${place} }`)
  project.setLake(`s3: { bucket: no-such-bucket-here, endpoint: "${server}" }`)
  const absent = await run(project, 'lake', 'push')
  expect(absent.stderr).toContain('there is no bucket called no-such-bucket-here.')
  expect(absent.code).toBe(4)
  at('endpoint: "http://127.0.0.1:9"')
  const nobody = await run(project, 'lake', 'push')
  expect(nobody.stderr).toContain('no S3 server answers at http://127.0.0.1:9')
  expect(nobody.code).toBe(4)
  // Once it is right, what waited goes up.
  at(`endpoint: "${server}"`)
  expect((await json(project, 'lake', 'push')).uploadedFiles).toBeGreaterThan(5)
  const other = await makeProject(server)
  other.setLake(`s3: { bucket: lake, prefix: p, endpoint: "${server}" }`)
  await run(other, ...gen('2026-03-01', '2026-03-02', 50))
  const refused = await run(other, 'run', '--once')
  expect(refused.stderr).toContain('is the copy of another data directory')
  expect(refused.code).toBe(0)
  expect((await json(other, 'lake', 'push', '--take-over')).serial).toBe(1)
})

s3Test('no key or token is in any output or file', async (server) => {
  const project = await makeProject(server)
  await run(project, ...gen('2026-03-01', '2026-03-02', 100))
  await run(project, 'run', '--once')
  for (const args of [
    ['status'],
    ['doctor'],
    ['lake', 'push'],
    ['lake', 'verify', '--s3'],
    ['history'],
  ])
    await run(project, ...args)
  const values = Object.values(CANARY)
  expect(await findTexts(project.data, values)).toEqual([])
  for (const text of shown) for (const value of values) expect(text).not.toContain(value)
  const { files } = await project.manifest()
  expect(JSON.stringify(files)).not.toMatch(/canary/i)
})
