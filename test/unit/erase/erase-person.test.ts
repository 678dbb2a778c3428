/** Which records of the log go with a person whose id is a number that others use too. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compileEncoder } from '../../../cli/domain/avro/encoder.ts'
import {
  type DecideFate,
  type ErasePorts,
  erasePerson,
} from '../../../cli/domain/erase/erase-person.ts'
import { openEventCodec } from '../../../cli/domain/gate/event-codec.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'
import { shopEvent, shopOrder } from '../../fixtures/shop-events.ts'

const AT = Date.UTC(2026, 0, 1, 10)
const SCHEMA = readFileSync('schemas/events.raw.avsc', 'utf8')
const encode = compileEncoder(SCHEMA, 7)
const codec = openEventCodec({
  ...{ recordBytesMax: 1_000_000, futureToleranceMs: 3_600_000 },
  schemas: [{ subject: 'events.raw-value', version: 1, id: 7, schema: SCHEMA }],
})

/** What becomes of records that Bronze does not have as the person's. */
async function decideFor(visitors: readonly string[] = []): Promise<DecideFate> {
  let decide: DecideFate | undefined
  const values = { kind: 'customer', ids: ['1042'], visitors: [] } as const
  const ports: ErasePorts = {
    nowMs: AT,
    loadErased: async () => ({ key: Buffer.alloc(32), ids: [] }) as never, // only handed on
    saveErased: async () => {},
    manifest: async () => undefined,
    logEnds: async () => new Map(),
    findEvents: async () => ({ offsets: new Map(), visitors, pseudonyms: [], values }),
    openAnonymiser: async () => () => undefined,
    readEvent: ({ place, bytes, appendMs }) =>
      place.startsWith('events.raw-') ? codec.decode(bytes, appendMs) : undefined,
    eraseRecords: async (given) => {
      decide = given
      return []
    },
    rebuildRows: async () => {},
    removeOldRows: async () => {},
    redactHistory: async () => {},
    findTraces: async () => [],
    saveReceipt: async () => '',
    countBackups: async () => null,
    eraseCopy: async () => null,
  }
  const confirm = async () => false
  await erasePerson({ kind: 'customer', id: '1042' }, ports, { isAnonymised: false, confirm })
  if (!decide) throw new Error('no record was asked about')
  return decide
}

const fateOf = (decide: DecideFate, bytes: Buffer, place = 'events.raw-0') =>
  decide({ place, offset: 1, appendMs: AT, bytes })

const eventOf = (event: object) =>
  Buffer.from(new RecordBatch().encodeOne((batch) => encode(batch, event)))

test('events of others stay that have the number as a page, a product or a campaign', async () => {
  const decide = await decideFor()
  const customer = { customer_id: '77' }
  const [view, order] = [shopEvent('v', AT, customer), shopOrder('o', AT, 9900, customer)]
  const item = { ...order.items?.[0], sku: '1042' }
  for (const event of [
    { ...view, page: '/p/1042' },
    { ...view, utm_campaign: '1042' },
    { ...order, items: [item] },
  ])
    expect(fateOf(decide, eventOf(event))).toBe('kept')
})

test('an event of the customer, or of a visitor who was nobody else, goes', async () => {
  const decide = await decideFor(['7'])
  const view = shopEvent('v', AT, { customer_id: '77' })
  expect(fateOf(decide, eventOf({ ...view, customer_id: '1042' }))).toBe('erased')
  expect(fateOf(decide, eventOf({ ...view, anonymous_id: '7' }))).toBe('erased')
  expect(fateOf(decide, eventOf({ ...view, anonymous_id: '77', page: '/p/7' }))).toBe('kept')
})

test('the ledger of imports stays, what can not be read as an event goes', async () => {
  const decide = await decideFor()
  const entry = Buffer.from(JSON.stringify({ eventsEnd: 1042, rejectsEnd: 0 }))
  expect(fateOf(decide, entry, 'ccs.imports-0')).toBe('kept')
  expect(fateOf(decide, Buffer.from('{"customer": "1042"}'))).toBe('erased')
  expect(fateOf(decide, Buffer.from('{"customer": "11042"}'))).toBe('kept')
})
