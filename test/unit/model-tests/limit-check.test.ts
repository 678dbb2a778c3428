/** The models of the project carry every event at the limits of the contract; others are named. */
import { expect, test, vi } from 'vitest'
import { compileEncoder } from '../../../cli/domain/avro/encoder.ts'
import { parseRecordSchema } from '../../../cli/domain/avro/schema.ts'
import type { Event } from '../../../cli/domain/events/contracts.ts'
import { Gate } from '../../../cli/domain/gate/gate.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'
import { checkLimits } from '../../../cli/domain/model-tests/limit-check.ts'
import { listLimitEvents } from '../../../cli/domain/model-tests/limit-events.ts'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { parseMacros } from '../../../cli/domain/sql/parse-macros.ts'
import { PlainModels } from '../../../cli/engines/embedded/query/plain-models.ts'
import { registeredSchema } from '../../fixtures/gate-events.ts'
import { buildGraph, modelFiles, openTestDuck, projectFile } from '../model-files.ts'

const CONTRACT = projectFile('schemas/events.raw.avsc').text
const FIRST_MS = Date.UTC(2026, 0, 1)

// To find the event and the expression at fault takes a few hundred queries.
vi.setConfig({ testTimeout: 60_000 })

/** Faults of the project's models under a contract, with one more model if given. */
async function check(contract: string, more?: { file: string; text: string }) {
  const duck = await openTestDuck()
  try {
    const { file, text } = projectFile('sql/macros.sql')
    const macros = await parseMacros(file, text, duck.parseSql)
    const files = [...modelFiles(), ...(more === undefined ? [] : [more])]
    const models = files.map((one) => parseModel(one.file, one.text))
    const graph = await buildGraph(models, {
      macros,
      sources: ['raw.events'],
      parseSql: duck.parseSql,
    })
    const plain = await PlainModels.open({ graph: [], macrosSql: text, rawSchema: contract })
    try {
      const record = parseRecordSchema(contract)
      const faults = await checkLimits({ record, graph, timezone: 'UTC' }, plain)
      return faults.map(
        ({ message, location }) => `${location?.file}:${location?.line}: ${message}`,
      )
    } finally {
      plain.close()
    }
  } finally {
    duck.close()
  }
}

/** A stream of the shop's events with one more column; its SELECT begins on line 8. */
function streamOf(column: string): { file: string; text: string } {
  return {
    file: 'sql/silver/mine.sql',
    text: `/*
kind: stream
grain: one row per event
key: [event_id]
time: event_time
partition: event_date
*/
SELECT
  event_id, event_time, is_bot, late_ms, event_date,
  ${column} AS mine
FROM silver.events
`,
  }
}

function changed(edit: (schema: ReturnType<typeof JSON.parse>) => void): string {
  const schema = JSON.parse(CONTRACT)
  edit(schema)
  return JSON.stringify(schema)
}

test('the gate accepts each event at a limit', () => {
  const gate = new Gate({
    schemas: [registeredSchema(CONTRACT)],
    recordBytesMax: 1024 * 1024,
    futureToleranceMs: 3_600_000,
  })
  const encode = compileEncoder<Event>(CONTRACT, 1)
  const events = listLimitEvents(parseRecordSchema(CONTRACT), FIRST_MS)
  expect(events.length).toBeGreaterThan(200)
  for (const { label, row } of events) {
    const batch = new RecordBatch(512)
    encode(batch, row as unknown as Event)
    const result = gate.validate(batch.body.subarray(4), 9_999_999_999_999)
    expect(result.ok ? 'ok' : `${label}: ${result.message}`).toBe('ok')
  }
})

test("the project's models carry each event at a limit, and sums of many", async () => {
  expect(await check(CONTRACT)).toEqual([])
})

test('without a limit to the sum of an order, the models that overflow are named', async () => {
  const contract = changed((schema) => {
    delete schema.fields.find((one: { name: string }) => one.name === 'items').maximumSum
  })
  const faults = await check(contract)
  expect(faults[0]).toMatch(
    /^sql\/silver\/events\.sql:\d+: A \w+ with .* keeps the contract, but silver\.events fails with it in /,
  )
})

test.each([
  [
    'a cast',
    'revenue::INTEGER',
    'purchase with items of unit_price_minor',
    'CAST(revenue AS INTEGER)',
  ],
  [
    'a cast of a text',
    'CAST(utm_campaign AS DATE)',
    'page_view with a text as utm_campaign',
    'CAST(utm_campaign AS DATE)',
  ],
  [
    'a date',
    'event_date + coalesce(results_count, 0)',
    'page_view with results_count 2147483647',
    '(event_date + COALESCE(results_count, 0))',
  ],
  [
    'a time',
    'event_time + INTERVAL 1 YEAR * coalesce(results_count, 0)',
    'page_view with results_count 2147483647',
    'results_count',
  ],
  [
    'a product',
    'CAST(coalesce(tax, 0) * coalesce(shipping, 0) AS DECIMAL(18, 2))',
    'with every field at its greatest',
    '(COALESCE(tax, 0) * COALESCE(shipping, 0)): Overflow in multiplication',
  ],
  ['a function', "strptime(page, '%d')", 'page_view with ', 'strptime(page'],
])('%s that fails with an event of the contract is named with its place', async (...of) => {
  const [, column, event, expression] = of
  const faults = await check(CONTRACT, streamOf(column))
  expect(faults).toHaveLength(1)
  const [fault = ''] = faults
  expect(fault).toMatch(/^sql\/silver\/mine\.sql:10: A /)
  expect(fault).toContain(event)
  expect(fault.split('silver.mine fails with it in ')[1]).toContain(expression)
})

test('a condition that fails is named too', async () => {
  const { file, text } = streamOf('event_type')
  const condition = 'WHERE CAST(order_id AS BIGINT) > 0\n'
  const faults = await check(CONTRACT, { file, text: text + condition })
  expect(faults).toEqual([
    expect.stringMatching(/^sql\/silver\/mine\.sql:12: A .* in CAST\(order_id AS BIGINT\): /),
  ])
})

/** A Gold model over the shop's days with one more column on line 10. */
function dailyOf(column: string): { file: string; text: string } {
  return {
    file: 'sql/gold/narrow.sql',
    text: `/*
kind: window
grain: one row per shop day
key: [shop_date]
time: event_time
window: 1 shop day
lateness: 6 hours
*/
SELECT shop_day(event_time) AS shop_date,
  ${column} AS mine
FROM silver.people
GROUP BY shop_day(event_time)
`,
  }
}

test.each([
  ['CAST(sum(revenue) AS DECIMAL(14, 2))', 'DECIMAL(14,2)', 'purchase', '10000000000'],
  ['CAST(sum(results_count) AS BIGINT) // 1000', 'BIGINT', '', ''],
  ['CAST(sum(len(items)) AS INTEGER)', 'INTEGER', '', ''],
  ['CAST(count(*) AS SMALLINT)', 'SMALLINT', 'page_view', '1'],
])('whether %s can hold a sum of many events', async (column, type, event, value) => {
  const faults = await check(CONTRACT, dailyOf(column))
  const expected = new RegExp(
    `^sql/gold/narrow\\.sql:10: gold\\.narrow\\.mine of type ${type.replace(/[()]/g, '\\$&')} ` +
      `can't hold the sum of 100000 events: a ${event} .*keeps the contract and adds ${value}\\.$`,
  )
  expect(faults).toEqual(event === '' ? [] : [expect.stringMatching(expected)])
})

test.each([
  ['CAST(sum(revenue) AS INTEGER)', 'CAST(sum(revenue) AS INTEGER)'],
  ["strptime(CAST(sum(revenue) AS VARCHAR), '%d')", 'strptime(CAST(sum(revenue) AS VARCHAR)'],
])('%s of one event that fails is named', async (column, expression) => {
  const faults = await check(CONTRACT, dailyOf(column))
  expect(faults).toHaveLength(1)
  expect(faults[0]).toMatch(/^sql\/gold\/narrow\.sql:10: A \w+ with /)
  expect(faults[0]).toContain(`gold.narrow fails with it in ${expression}`)
})

test('a greatest value is no sum, however large', async () => {
  const column = 'max(results_count)'
  expect(await check(CONTRACT, dailyOf(column))).toEqual([])
})
