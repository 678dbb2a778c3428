/** `ccs test`: the project's own tests pass; wrong expectations and wrong models are reported. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT, runCcs } from './run-ccs.ts'

const temp = mkdtempSync(path.join(tmpdir(), 'ccs-model-tests-'))
afterAll(() => rmSync(temp, { recursive: true, force: true }))

const dir = path.join(temp, 'shop')
/** Path of a file in the copied project. */
const file = (name: string) => path.join(dir, name)

beforeAll(async () => {
  expect((await runCcs(['init', dir])).code).toBe(0)
})

test('every model has tests, and all of them pass', { timeout: 300_000 }, async () => {
  const scratch = mkdtempSync(path.join(temp, 'tmp-'))
  const ran = await runCcs(['test', '--json'], { timeoutMs: 280_000, env: { TMPDIR: scratch } })
  const result = JSON.parse(ran.stdout)
  expect(result.cases.filter((one: { ok: boolean }) => !one.ok)).toEqual([])
  const names: readonly string[] = result.cases.map((one: { case: string }) => one.case)
  expect(
    names.filter((name) => name.length > 96),
    'fits a terminal',
  ).toEqual([])
  expect({ ...result, cases: result.cases.length }).toEqual({
    ok: true,
    passed: result.cases.length + 1,
    failed: 0,
    cases: result.cases.length,
    limits: { ok: true, faults: [] },
    untested: [],
  })
  const models = readdirSync(path.join(ROOT, 'sql'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /^(bronze|silver|gold)[\\/]\w+\.sql$/.test(name))
    .map((name) => name.replace(/[\\/]/, '.').replace(/\.sql$/, ''))
  const tested = new Set(result.cases.map((one: { model: string }) => one.model))
  expect([...tested].sort()).toEqual(models.sort())
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: '' })
  expect(readdirSync(scratch), 'the temporary directories are gone').toEqual([])
})

describe('a failing test', () => {
  test('exits 5 and shows row, column, expected and actual value', async () => {
    writeFileSync(
      file('sql/silver/orders.test.yml'),
      `date: 2026-03-01
cases:
  - name: holds
    steps:
      - event: { at: 10:00, type: purchase, order: A-1 }
    expect: { rows: [{ order_id: A-1 }] }
  - name: does not hold
    steps:
      - event: { at: 10:00, id: a, type: purchase, order: A-1, items: [{ price: 19.90 }] }
      - event: { at: 10:01, id: b, type: purchase, order: A-2 }
    expect:
      rows:
        - { event_id: a, order_id: A-1, revenue: 19.99 }
        - { event_id: c, order_id: A-3 }
`,
    )
    const { code, stdout } = await runCcs(['test', 'silver.orders', '--project', dir])
    expect(stdout).toMatch(/^silver\.orders\n {2}✓ holds\n/)
    expect(stdout).toContain(
      `  ✗ does not hold  (sql/silver/orders.test.yml:7)
    engine and plain SQL alike:
      different   { event_id: a }
                    revenue: expected 19.99, got 19.90
      missing     { event_id: c, order_id: A-3 }
      unexpected  { event_id: `,
    )
    expect(stdout).toMatch(/limits of the contract\n {2}✓ .*\n2 passed, 1 failed\n$/)
    expect(code).toBe(5)
  })

  test('names the line of a record that was wrongly rejected or accepted', async () => {
    writeFileSync(
      file('sql/silver/refunds.test.yml'),
      `cases:
  - name: the wrong way round
    steps:
      - event: { at: 2026-03-01 10:00, type: refund, order: null }
      - invalid: { type: refund }
    expect: { dlq: [] }
`,
    )
    const { code, stdout } = await runCcs(['test', 'silver.refunds', '--project', dir])
    expect(stdout).toContain('the event of line 4 was rejected, missing_field: ')
    expect(stdout).toContain('the record of line 5 should have been rejected but was accepted')
    expect(stdout).toContain('expected events.dlq to hold nothing, got missing_field')
    expect(code).toBe(5)
  })

  test('is found when a model’s rule is changed', async () => {
    const macros = readFileSync(file('sql/macros.sql'), 'utf8')
    writeFileSync(file('sql/macros.sql'), macros.replace(' - i.discount_minor', ''))
    const { code, stdout } = await runCcs(['test', 'silver.events', '--project', dir])
    writeFileSync(file('sql/macros.sql'), macros)
    expect(stdout).toContain('  ✗ money is exact')
    expect(stdout).toContain('revenue: expected 20.28, got 20.29')
    expect(code).toBe(5)
  })

  test('a model that fails on a row of a case is named, with the case', async () => {
    const model = file('sql/gold/activity_1m.sql')
    const text = readFileSync(model, 'utf8')
    const cast = 'max(CAST(page AS INTEGER)) AS made,\n  count(DISTINCT anonymous_id)'
    writeFileSync(model, text.replace('count(DISTINCT anonymous_id)', cast))
    const { code, stderr } = await runCcs(['test', 'gold.activity_1m', '--project', dir])
    writeFileSync(model, text)
    expect(code).toBe(2)
    expect(stderr).toContain('gold.activity_1m fails on a test case: Conversion Error')
    expect(stderr).toContain('at sql/gold/activity_1m.sql')
  })

  test('a faulty file exits 2 with all places, a wrong name with a suggestion', async () => {
    writeFileSync(file('sql/silver/refunds.test.yml'), 'cases:\n  - nam: x\n    step: []\n')
    const faulty = await runCcs(['test', '--project', dir])
    expect(faulty.stderr).toContain('sql/silver/refunds.test.yml:2:5')
    expect(faulty.stderr).toContain('Did you mean "name"?')
    expect(faulty.stderr).toContain('Did you mean "steps"?')
    expect(faulty.code).toBe(2)
    const unknown = await runCcs(['test', 'silver.order'])
    expect(unknown.stderr).toContain('Did you mean "silver.orders"?')
    expect(unknown.code).toBe(2)
  })
})

test('a model that fails with an event of the contract is refused before it is deployed', async () => {
  const mine = file('sql/gold/mine.sql')
  const model = (type: string) => `/*
kind: window
grain: one row per shop day
key: [shop_date]
time: event_time
window: 1 shop day
lateness: 6 hours
*/
SELECT
  shop_day(event_time) AS shop_date,
  CAST(sum(revenue) AS ${type}) AS revenue
FROM silver.people
GROUP BY shop_day(event_time)
`
  writeFileSync(mine, model('DECIMAL(9, 2)'))
  rmSync(file('sql/silver/refunds.test.yml')) // a faulty file of the tests before
  const place = 'sql/gold/mine.sql:11'
  const event = 'A purchase with items of unit_price_minor'
  const sum = 'fails with it in CAST(sum(revenue) AS DECIMAL'
  const tested = await runCcs(['test', 'gold.mine', '--project', dir])
  expect(tested.code).toBe(5)
  expect(tested.stdout).toContain(`    ${place}\n      ${event}`)
  expect(tested.stdout).toMatch(/0 passed, 1 failed\n$/)
  for (const command of [['plan'], ['deploy', '--yes']]) {
    const refused = await runCcs([...command, '--project', dir])
    expect({ command, code: refused.code }).toEqual({ command, code: 2 })
    for (const part of [place, event, sum, 'Bound the field in schemas/events.raw.avsc'])
      expect(refused.stderr.replace(/\s+/g, ' ')).toContain(part)
  }
  writeFileSync(mine, model('DECIMAL(18, 2)'))
  expect((await runCcs(['plan', '--project', dir])).code).toBe(3)
  rmSync(mine)
})
