/** Imports real files on the command line and checks Gold. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { DataDir } from './data-dir.ts'
import { ROOT } from './run-ccs.ts'

const REES46 = process.env.CCS_REES46 ?? path.join(ROOT, '../shared/data/rees46-sample.csv')
const MAPPING = path.join(ROOT, 'examples/import/rees46.yml')
const HEADER =
  'event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session'

const dir = new DataDir()
const ccs = (...args: string[]) => dir.ccs(...args)
const rowsOf = (sql: string) => dir.rows(sql)

test('imported rows reach Silver and Gold once, also when imported twice', async () => {
  const file = path.join(dir.path, 'shop.csv')
  const rows = [
    '2019-10-01 00:00:00 UTC,view,1,1,a.b,x,35.79,7,s',
    '2019-10-01 00:00:05 UTC,cart,1,1,a.b,x,35.79,7,s',
    '2019-10-01 00:00:09 UTC,purchase,1,1,a.b,x,35.79,7,s',
    '2019-10-01 00:00:09 UTC,purchase,1,1,a.b,x,35.79,7,s',
    '2019-10-01 00:00:10 UTC,vie',
  ]
  writeFileSync(file, [HEADER, ...rows].join('\n'))
  const first = await ccs('import', file, '--mapping', MAPPING, '--json')
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(first.stdout)).toMatchObject({
    rows: 5,
    accepted: 4,
    rejected: 1,
    reasons: { missing_field: 1 },
    examples: [{ origin: `${file}:6`, reason: 'missing_field' }],
  })
  expect((await ccs('import', file, '--mapping', MAPPING, '--again')).code).toBe(0)
  expect((await ccs('run', '--once')).code).toBe(0)
  expect(await rowsOf('SELECT count(*) AS n FROM silver.events')).toEqual([{ n: 3 }])
  expect(await rowsOf('SELECT orders, revenue, currency FROM gold.revenue_daily')).toEqual([
    { orders: 1, revenue: '35.79', currency: 'USD' },
  ])
})

test('no control character of a row is printed raw, and JSON keeps its value', async () => {
  const file = path.join(dir.path, 'shop.csv')
  const attack = '\u001b]0;title\u0007\u009b31m\u202e\u007f'
  const rows = [
    `2019-10-01 00:00:00 UTC,view,1,1,a.b,x${attack},35.79,7,s`,
    `2019-10-01 00:00:00 UTC${attack},view,1,1,a.b,x,35.79,7,s`,
  ]
  writeFileSync(file, [HEADER, ...rows, ''].join('\n'))
  const imported = await ccs('import', file, '--mapping', MAPPING)
  expect(imported.stdout).toContain('\\u001b]0;title\\u0007\\u009b31m\\u202e\\u007f')
  const tail = await ccs('tail', '--format', 'json')
  expect(JSON.parse(tail.stdout).value.items[0].brand).toBe(`x${attack}`)
  for (const { stdout, stderr } of [imported, tail])
    expect(`${stdout}${stderr}`.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202A-\u202E]/u)
})

test('faults of mapping and columns exit 2 with all places and write nothing', async () => {
  const mapping = path.join(dir.path, 'map.yml')
  writeFileSync(mapping, 'event:\n  event_idd: { hash: all }\n')
  const file = path.join(dir.path, 'shop.csv')
  writeFileSync(file, 'a,b\n1,2\n')
  const faulty = await ccs('import', file, '-m', mapping)
  expect(faulty.code).toBe(2)
  expect(faulty.stderr).toContain(`${mapping}:2:3`)
  expect(faulty.stderr).toContain('Did you mean "event_id"?')
  const lacking = await ccs('import', file, '-m', MAPPING)
  expect(lacking.code).toBe(2)
  expect(lacking.stderr).toContain(`${file}:1`)
  expect(lacking.stderr).toContain("No column 'user_session'")
  expect(existsSync(path.join(dir.path, 'data'))).toBe(false)
})

const absent = existsSync(REES46) ? '' : ` (skipped: there is no file ${REES46}; set CCS_REES46)`

test.skipIf(absent)(`the REES46 sample reaches Gold${absent}`, async () => {
  const imported = await ccs('import', REES46, '--mapping', MAPPING, '--json')
  expect(JSON.parse(imported.stdout)).toMatchObject({ rows: 17_435, accepted: 17_434, rejected: 1 })
  expect((await ccs('run', '--once')).code).toBe(0)
  expect(
    await rowsOf('SELECT event_type, count(*) AS n FROM silver.events GROUP BY 1 ORDER BY 1'),
  ).toEqual(silverCounts())
  const cents = purchases().reduce((sum, fields) => sum + Number(fields[6]?.replace('.', '')), 0)
  expect(
    await rowsOf('SELECT sum(orders) AS orders, sum(revenue) AS revenue FROM gold.revenue_daily'),
  ).toEqual([{ orders: purchases().length, revenue: (cents / 100).toFixed(2) }])
})

/** Rows of the sample that count: complete, and each once. */
function sample(): string[][] {
  const lines = readFileSync(REES46, 'utf8').split('\n').slice(1)
  return [...new Set(lines)].map((line) => line.split(',')).filter((fields) => fields.length === 9)
}

function purchases(): string[][] {
  return sample().filter((fields) => fields[1] === 'purchase')
}

function silverCounts(): unknown {
  const names: Readonly<Record<string, string>> = {
    cart: 'add_to_cart',
    purchase: 'purchase',
    view: 'view_item',
  }
  return Object.entries(names).map(([from, event_type]) => ({
    event_type,
    n: sample().filter((fields) => fields[1] === from).length,
  }))
}
