/** A model that joins a seed on the embedded engine: its rows, and the effect of a changed CSV. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { addSeedModel, CAMPAIGNS_FILE } from '../fixtures/seed-model.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'ccs-seeds-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const ccs = (...args: string[]) => runCcs([...args, '--project', dir])

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ccs(...args)
  expect(code, `${args.join(' ')}\n${stdout}${stderr}`).toBe(0)
  return stdout
}

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  return JSON.parse(await ok('query', sql, '--json')).rows
}

/** The model's rows by campaign. */
const CAMPAIGNS = `SELECT DISTINCT * EXCLUDE (event_id, event_time, event_date, event_type, channel),
  CASE WHEN utm_campaign IS NOT NULL THEN channel END AS channel
  FROM silver.campaign_events ORDER BY utm_campaign`
const UNKNOWN = Object.fromEntries(
  [
    'known_campaign',
    'budget',
    'clicks',
    'big',
    'rate',
    'started',
    'launched',
    'active',
    'twice',
  ].map((name) => [name, null]),
)

test('events get their seed’s values or NULL; a changed CSV is planned and rebuilds', async () => {
  for (const part of ['sql', 'schemas', 'ccs.yml'])
    cpSync(path.join(ROOT, part), path.join(dir, part), { recursive: true })
  addSeedModel(dir)
  await ok('gen', '--from', '2026-03-01', '--to', '2026-03-02', '--count', '3000')
  await ok('run', '--once')
  const found = await rows(CAMPAIGNS)
  const of = (name: string | null) => found.find((one) => one.utm_campaign === name)
  expect(of('brand')).toMatchObject({
    ...{ known_campaign: 'brand', channel: 'google', budget: '1200.50', clicks: 12 },
    ...{ big: '9007199254740993', rate: 0.25, started: '2026-01-05', twice: '2401.00' },
    ...{ launched: '2026-01-05T08:30:00.000Z', active: true },
  })
  expect(of('week-47')).toMatchObject({ channel: 'mail, "owned"', budget: '0.05', active: null })
  expect(of('shoes-winter')).toMatchObject({
    channel: "l'été",
    budget: '-7.10',
    started: '2024-02-29',
  })
  expect(of('spring')).toMatchObject({ ...UNKNOWN, channel: 'partner-net' })
  expect(of(null)).toMatchObject({ ...UNKNOWN, channel: null })
  const [counts] =
    await rows(`SELECT (SELECT count(*) FROM silver.events WHERE event_type <> 'search') AS events,
    (SELECT count(*) FROM silver.campaign_events) AS rows`)
  expect(counts?.rows).toBe(counts?.events)
  await ok('audit')

  const csv = path.join(dir, CAMPAIGNS_FILE)
  const text = readFileSync(csv, 'utf8')
  const [head = '', ...lines] = text.trimEnd().split('\n')
  writeFileSync(csv, `${[head, ...lines.toReversed()].join('\r\n')}\r\n`)
  await ok('plan')
  writeFileSync(csv, text.replace('1200.50', '1300.00').replace(/^generic.*\n/m, ''))
  const plan = await ccs('plan', '--json')
  expect(plan.code).toBe(3)
  expect(JSON.parse(plan.stdout)).toMatchObject({
    steps: [
      {
        ...{ action: 'replace', name: 'silver.campaign_events', state: 'rebuild from log' },
        reason: 'a seed, macro or setting that it uses changed',
      },
    ],
  })
  expect((await ccs('run', '--once')).code).toBe(3)
  await ok('deploy', '--yes')
  const changed = await rows(CAMPAIGNS)
  expect(changed.find((one) => one.utm_campaign === 'brand')?.budget).toBe('1300.00')
  expect(changed.find((one) => one.utm_campaign === 'generic')).toMatchObject({ ...UNKNOWN })
  await ok('audit')
})

test('a CSV that contradicts its YAML is rejected with every place', async () => {
  const csv = path.join(dir, CAMPAIGNS_FILE)
  const text = readFileSync(csv, 'utf8')
  writeFileSync(csv, `${text}brand,a,1,1,1,1,2026-02-30,,yes\nspring,a\n`)
  const { code, stderr } = await ccs('plan')
  expect(code).toBe(2)
  expect(stderr).toContain("'2026-02-30' is not of type DATE: column started.")
  expect(stderr).toContain("'yes' is not of type BOOLEAN: column active.")
  expect(stderr).toContain('2 of 9 columns')
  expect(stderr).toMatch(/campaigns\.csv:6/)
  writeFileSync(csv, `${text}brand,a,1,1,1,1,,,\n`)
  expect((await ccs('plan')).stderr).toContain("The key utm_campaign 'brand' occurs twice.")
})
