/**
 * Data directories that earlier versions of ccs have written: all of it is read, rows are the same
 * whatever version they came from, and the shop goes on. docs/formats.md says what each version is.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, renameSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { DataDir } from '../e2e/data-dir.ts'
import { ROOT } from '../e2e/run-ccs.ts'

const VERSIONS = [
  ...['2026-11-22', '2026-11-29-morning', '2026-11-29-evening', '2026-11-30'],
  '2026-11-30-compressed',
]
/** Of the 360 records of each, as the version that wrote them counted. */
const COUNTS = { bronze: 348, silver: 326, days: 4, sessions: 49 }

const dir = new DataDir()

async function count(): Promise<unknown> {
  const tables = Object.entries({
    ...{ bronze: 'bronze.events', silver: 'silver.events' },
    ...{ days: 'gold.revenue_daily', sessions: 'gold.sessions' },
  })
  const parts = tables.map(([name, table]) => `(SELECT count(*) FROM ${table}) AS ${name}`)
  return dir.rows(`SELECT ${parts.join(', ')}`)
}

async function runJson(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await dir.ccs(...args, '--json')
  expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' })
  return JSON.parse(stdout)
}

/** What all versions come to in the end. */
let last: unknown

const OWN_ID = '2026-11-29-morning'

/**
 * That version kept its contract under the id 19, which its records have. Without that version of
 * the schema a deployment changes nothing, and says which one is missing; this project keeps it.
 */
async function makeProjectWithId19(): Promise<string> {
  const before = [await runJson('dlq', 'ls'), await runJson('lake', 'ls')]
  const { code, stderr } = await dir.ccs('deploy', '--yes')
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^error\[CCS_PLAN_CHANGES\]: /m)])
  expect(stderr).toContain('was written with schema id 19, which no version in schemas/history/')
  expect([await runJson('dlq', 'ls'), await runJson('lake', 'ls')]).toEqual(before)
  const project = path.join(dir.path, 'project')
  for (const part of ['sql', 'schemas', 'ccs.yml'])
    cpSync(path.join(ROOT, part), path.join(project, part), { recursive: true })
  const kept = path.join(project, 'schemas/history')
  renameSync(`${kept}/events.dlq/2.id19.avsc`, `${kept}/events.dlq/2.id21.avsc`)
  renameSync(`${kept}/events.raw/2.id20.avsc`, `${kept}/events.raw/3.id20.avsc`)
  cpSync(`${kept}/events.raw/1.id1.avsc`, `${kept}/events.raw/2.id19.avsc`)
  return project
}

test.each(VERSIONS)(
  'data of %s is read, audited and continued',
  {
    timeout: 300_000,
  },
  async (version) => {
    const data = path.join(dir.path, 'data')
    mkdirSync(data)
    execFileSync('tar', [
      '-xzf',
      path.join(ROOT, `test/fixtures/formats/${version}.tgz`),
      '-C',
      data,
    ])
    expect(await runJson('log', 'verify')).toMatchObject({
      ok: true,
      partitions: [{ records: 12 }, { records: 360 }],
    })
    expect(await runJson('lake', 'verify')).toMatchObject({ ok: true })
    if (version === OWN_ID) dir.project = await makeProjectWithId19()
    // Models that have changed since then are made again from Silver or from the log.
    expect((await dir.ccs('deploy', '--yes')).code).toBe(0)
    expect(await count()).toEqual([COUNTS])
    expect(await runJson('audit')).toMatchObject({ ok: true, faults: [], gaps: [] })
    const flags = ['--seed', '5', '--late', '5%', '--duplicates', '5%', '--count', '60']
    const range = ['--from', '2026-06-01T10:30:00Z', '--to', '2026-06-01T11:00:00Z']
    expect((await dir.ccs('gen', ...flags, ...range)).code).toBe(0)
    expect((await dir.ccs('run', '--once')).code).toBe(0)
    expect(await runJson('audit')).toMatchObject({ ok: true, faults: [], gaps: [] })
    const sessions = await dir.rows('SELECT * FROM gold.sessions ORDER BY ALL')
    const now = { counts: await count(), sessions }
    last ??= now
    expect(now).toEqual(last)
  },
)
