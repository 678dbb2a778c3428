/**
 * Models of one's own that fail on some events: the commands name these events and everything else
 * goes on; a rebuild leaves them set aside, and once the models are fixed they are sent again.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { FAILING_MODELS } from '../fixtures/failing-shop.ts'
import { appendEvents, deriveUuid, shopEvent, shopOrder } from '../fixtures/shop-events.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'ccs-set-aside-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const DAY_MS = Date.parse('2026-03-01T10:00:00Z')
const EVENTS = [
  shopEvent('look', DAY_MS),
  shopEvent('rating', DAY_MS + 1_000, { search_term: '5' }),
  shopEvent('text', DAY_MS + 2_000, { search_term: 'five' }),
  shopOrder('order', DAY_MS + 3_000, 1000, { coupon: 'SPRING' }),
  shopOrder('other', DAY_MS + 4_000, 2550, { coupon: '7' }),
]

const CAST = /CAST\((search_term|coupon) AS (\w+)\)/

const ccs = (...args: string[]) => runCcs([...args, '--project', dir])
const json = async (code: number, ...args: string[]) => {
  const ran = await ccs(...args, '--json')
  expect(ran.code, `${args.join(' ')}\n${ran.stdout}${ran.stderr}`).toBe(code)
  return JSON.parse(ran.stdout)
}

function writeModels(edit: (text: string) => string): void {
  for (const name of ['silver.ratings', 'gold.coupons'] as const)
    writeFileSync(
      path.join(dir, 'sql', `${name.replace('.', '/')}.sql`),
      edit(FAILING_MODELS[name]),
    )
}

test('events that a model fails on are set aside, named, and sent again once it is fixed', async () => {
  for (const part of ['sql', 'schemas', 'ccs.yml'])
    cpSync(path.join(ROOT, part), path.join(dir, part), { recursive: true })
  // They fail on two texts that nothing tells `ccs deploy` of, which refuses what it finds itself.
  writeModels((text) =>
    text.replace(
      CAST,
      "CASE WHEN $1 IN ('five', 'SPRING') THEN CAST($1 AS $2) ELSE TRY_CAST($1 AS $2) END",
    ),
  )
  await appendEvents(path.join(dir, 'data'), EVENTS, DAY_MS + 60_000)
  const ran = await ccs('run', '--once')
  expect(ran.code, ran.stderr).toBe(0)
  expect(ran.stdout).toContain(
    '5 records: 3 in Bronze, 2 rejected (2 as a model fails on them); 0 duplicates',
  )
  expect(ran.stderr).toContain(
    'A record (events.raw-0:2) went to events.dlq, as silver.ratings fails on it: Conversion Error',
  )
  const list = await json(0, 'dlq', 'ls', '--where', "model LIKE 'gold.%'")
  expect(list).toMatchObject({
    total: 1,
    groups: [{ reason: 'model_failed', count: 1, replayed: 0, sample: '0:1' }],
  })
  const setAside = [
    { model: 'gold.coupons', count: 1 },
    { model: 'silver.ratings', count: 1 },
  ]
  expect(await json(0, 'audit')).toMatchObject({ ok: true, faults: [], setAside })
  const missing = await json(2, 'why', 'silver.events', deriveUuid('text'))
  expect(missing.error.message).toContain('it was set aside, as silver.ratings fails on it:')
  expect(missing.error.hint).toContain('ccs dlq replay 0:0')
  const row = await json(0, 'why', 'gold.revenue_daily', '2026-03-01', 'EUR')
  expect(row.leftOut.setAside).toMatchObject({
    count: 2,
    first: [
      { reject: '0:1', eventId: deriveUuid('order'), model: 'gold.coupons' },
      { reject: '0:0', eventId: deriveUuid('text'), model: 'silver.ratings' },
    ],
  })

  expect((await ccs('deploy', '--rebuild', '--yes')).code).toBe(0)
  expect(await json(0, 'audit')).toMatchObject({ ok: true, setAside })

  writeModels((text) => text.replace(CAST, 'TRY_CAST($1 AS $2)'))
  expect((await ccs('deploy', '--yes')).code).toBe(0)
  expect(await json(0, 'dlq', 'replay', '--reason', 'model_failed')).toMatchObject({ replayed: 2 })
  expect((await ccs('run', '--once')).stdout).toContain('7 records: 5 in Bronze, 2 rejected')
  expect(await json(0, 'audit')).toMatchObject({ ok: true, faults: [], setAside })
  expect((await json(0, 'why', 'gold.revenue_daily', '2026-03-01', 'EUR')).row).toMatchObject({
    ...{ orders: 2, revenue: '35.50' },
  })
}, 120_000)
