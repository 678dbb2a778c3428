/** `ccs backfill`: rows made again beside the live ones, compared by day, and swapped in. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { endAll, startNode } from '../fixtures/child.ts'
import { queryStored, readManifest, rewriteLake } from '../fixtures/tamper.ts'

let dir: string
let data: string
beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-backfill-'))
  data = path.join(dir, 'data')
  const faults = ['--late', '3%', '--duplicates', '4%', '--disorder', '5%', '--invalid', '2%']
  await ccs('gen', '--from', '2026-03-01', '--to', '2026-03-05', '--count', '3000', ...faults)
  await ccs('run', '--once')
})
afterEach(async () => {
  await endAll()
  rmSync(dir, { recursive: true, force: true })
})

async function ccs(...args: readonly string[]) {
  const ran = await runCcs([...args, '--data', data])
  expect(ran, args.join(' ')).toMatchObject({ code: 0 })
  return ran
}

const backfill = (from: string, to: string, ...args: readonly string[]) =>
  runCcs(['backfill', '--from', from, '--to', to, '--no-marts', '--data', data, ...args])

const DAY = '2026-03-02'
const sum = async () => {
  const sql = `SELECT sum(revenue) AS n FROM stored WHERE event_date = DATE '${DAY}'`
  return String((await queryStored(data, 'silver.events', sql))[0]?.n)
}
const makeWrong = () =>
  rewriteLake(data, {
    table: 'silver.events',
    where: `event_date = DATE '${DAY}'`,
    change: 'SELECT * REPLACE (CAST(revenue + 1 AS DECIMAL(18,2)) AS revenue) FROM stored',
  })
/** What lies in the data directory besides what the live commit needs. */
const leftOver = () =>
  readdirSync(data).filter((name) => name === 'rebuild' || /^lake-\d+$/.test(name))

test('rows that are as they should be stay, and nothing is left behind', async () => {
  const before = await readManifest(data)
  const ran = await backfill('2026-03-01', '2026-03-04', '--yes')
  expect(ran.stdout).toMatch(/^All \d+ days of all tables are as they were\.\n$/)
  expect(await readManifest(data)).toEqual(before)
  expect(leftOver()).toEqual(['lake-1'])
  expect(readdirSync(path.join(data, 'state'))).toHaveLength(1)
})

test('a wrong day within the range is replaced, with its rows on both sides shown', async () => {
  const right = await sum()
  await makeWrong()
  const wrong = await sum()
  const asked = await backfill(DAY, DAY, '--json')
  expect(asked.code, asked.stderr).toBe(3)
  expect(await sum()).toBe(wrong)
  const ran = await backfill(DAY, DAY, '--yes', '--json')
  expect(ran.code, ran.stderr).toBe(0)
  const { applied, inside, outside } = JSON.parse(ran.stdout)
  expect({ applied, outside }).toEqual({ applied: true, outside: [] })
  expect(inside).toEqual([
    {
      table: 'silver.events',
      day: DAY,
      rowsBefore: expect.any(Number),
      rowsAfter: expect.any(Number),
    },
  ])
  expect(inside[0].rowsBefore).toBe(inside[0].rowsAfter)
  expect(await sum()).toBe(right)
  await ccs('audit')
})

test('a day outside of the range that differs changes nothing and is named', async () => {
  await makeWrong()
  const wrong = await sum()
  const ran = await backfill('2026-03-03', '2026-03-04', '--yes')
  expect(ran.code).toBe(3)
  expect(ran.stderr).toContain(
    `Nothing was changed: silver.events also differs on ${DAY}, outside of the range.`,
  )
  expect(ran.stderr).toContain(`ccs backfill --from ${DAY} --to 2026-03-04`)
  expect(await sum()).toBe(wrong)
  expect(leftOver()).toEqual(['lake-1'])
})

test('a backfill that is killed changes nothing, and the next one completes', async () => {
  const right = await sum()
  await makeWrong()
  const wrong = await sum()
  const place = ['--no-marts', '--yes', '--data', data]
  const child = startNode('bin/run.js', ['backfill', '--from', DAY, '--to', DAY, ...place])
  while (!existsSync(path.join(data, 'rebuild'))) await new Promise((done) => setTimeout(done, 5))
  child.kill('SIGKILL')
  await child.ended
  expect([right, wrong]).toContain(await sum())
  const again = await backfill(DAY, DAY, '--yes')
  expect(again.code, again.stderr).toBe(0)
  expect(await sum()).toBe(right)
  // The replaced rows stay for a while for readers that have listed them.
  expect(leftOver()).not.toContain('rebuild')
})

test('records without a commit, wrong days and a running engine are refused', async () => {
  await ccs('gen', '--from', '2026-03-05', '--to', '2026-03-06', '--count', '50')
  const waiting = await backfill(DAY, DAY)
  expect(waiting.stderr).toContain('Records of the log are in no commit yet')
  expect(await backfill('2026-03-05', '2026-03-01')).toMatchObject({ code: 2 })
  expect((await backfill('yesterday', DAY)).stderr).toContain('--from must be a UTC day')
})
