/** The models of the project carry every event at the limits of the contract; others are named. */
import { expect, test } from 'vitest'
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
    const plain = await PlainModels.open({ graph, macrosSql: text, rawSchema: contract })
    try {
      const record = parseRecordSchema(contract)
      const faults = await checkLimits({ record, graph, timezone: 'UTC' }, plain)
      return faults.map(({ message, location }) => `${location?.file}: ${message}`)
    } finally {
      plain.close()
    }
  } finally {
    duck.close()
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
    /^sql\/silver\/events\.sql: A \w+ with .* keeps the contract, but silver\.events fails with it: /,
  )
})

test('a sum whose type is too narrow for many events is named with its column', async () => {
  const text = `/*
kind: window
grain: one row per shop day
key: [shop_date]
time: event_time
window: 1 shop day
lateness: 6 hours
*/
SELECT shop_day(event_time) AS shop_date, CAST(sum(revenue) AS DECIMAL(14, 2)) AS revenue
FROM silver.people
GROUP BY shop_day(event_time)
`
  expect(await check(CONTRACT, { file: 'sql/gold/narrow.sql', text })).toEqual([
    "sql/gold/narrow.sql: gold.narrow.revenue of type DECIMAL(14,2) can't hold the sum of " +
      '100000 events: the contract allows one of 10000000000.',
  ])
})
