/** Orders that come again with other contents are counted at the end of an import, with an example. */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { ImportResult } from '../../../cli/domain/ingest/import.ts'
import { compileImportContract } from '../../../cli/domain/ingest/import-contract.ts'
import {
  describeRepeatedOrders,
  ORDERS_PARTITION,
} from '../../../cli/domain/ingest/repeated-orders.ts'
import { crc32c } from '../../../cli/domain/log/crc32c.ts'
import type { EventLog } from '../../../cli/domain/log/event-log.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'
import { IMPORTS_TOPIC } from '../../../cli/domain/log/topics.ts'
import {
  DLQ,
  ImportTest,
  NOW_MS,
  openImportSetup,
  RAW,
  readRecords,
  runImport,
} from '../../fixtures/import-parts.ts'

const MAPPING = `
event:
  event_id: { hash: all }
  event_type: { constant: purchase }
  event_ts: time
  anonymous_id: order
  device: { constant: desktop }
  source: { constant: import }
  currency: { constant: EUR }
  order_id: order
  items:
    sku: sku
    unit_price_minor: { from: price, money: decimal }
    quantity: { constant: 1 }
`

const setting = new ImportTest()
const TIME = '2026-01-01'

/** Imports a file with one row per order line: order, product, price. */
function importLines(
  name: string,
  lines: readonly string[],
  changes: Parameters<typeof runImport>[3] = {},
): Promise<ImportResult> {
  const file = path.join(setting.dir, name)
  const rows = lines.map((line) => `${TIME},${line}\n`)
  writeFileSync(file, `time,order,sku,price\n${rows.join('')}`)
  return runImport(setting, MAPPING, [file], changes)
}

test('an order whose rows lie in two files is named after the second import', async () => {
  expect((await importLines('a.csv', ['o1,hose,10', 'o2,rake,20'])).repeatedOrders.orders).toBe(0)
  const { repeatedOrders } = await importLines('b.csv', ['o1,saw,5', 'o3,axe,7'])
  const origin = `${setting.dir}/b.csv:2`
  expect(repeatedOrders).toEqual({ orders: 1, example: { orderId: 'o1', origin, before: null } })
  expect(describeRepeatedOrders(repeatedOrders).join('\n')).toContain(
    `1 order comes again with other contents than in an earlier import.`,
  )
  expect(describeRepeatedOrders(repeatedOrders).join('\n')).toContain('ccs why o1')
})

test('the rows of an order that are not grouped are named at once, a dry run too', async () => {
  const lines = ['o1,hose,10', 'o2,rake,20', 'o1,saw,5', 'o1,axe,7', 'o2,rake,20']
  const before = `${setting.dir}/a.csv:2`
  for (const isDryRun of [true, false]) {
    const { repeatedOrders } = await importLines('a.csv', lines, { isDryRun })
    expect(repeatedOrders.orders).toBe(1)
    expect(repeatedOrders.example).toMatchObject({ orderId: 'o1', before })
  }
})

test('the same contents again are no other ones', async () => {
  await importLines('a.csv', ['o1,hose,10', 'o2,rake,20'])
  const again = await importLines('a.csv', ['o1,hose,10', 'o2,rake,20'], { includesImported: true })
  const grown = await importLines('a.csv', ['o1,hose,10', 'o2,rake,20', 'o3,axe,7'])
  expect([again, grown].map(({ repeatedOrders }) => repeatedOrders.orders)).toEqual([0, 0])
  expect(describeRepeatedOrders(grown.repeatedOrders)).toEqual([])
})

test('contents are the same whatever version of the schema they are written with', async () => {
  await importLines('a.csv', ['o1,hose,10', 'o2,rake,20'])
  const schema = JSON.parse(RAW.schema)
  schema.fields.splice(3, 0, { name: 'gift', type: 'boolean', default: false })
  const newer = { ...RAW, id: 20, version: 2, schema: JSON.stringify(schema) }
  const contract = compileImportContract({
    rawSchemas: [RAW, newer],
    dlqSchema: DLQ,
    recordBytesMax: 1 << 20,
    futureToleranceMs: 0,
  })
  const grown = await importLines('a.csv', ['o1,hose,10', 'o2,rake,20', 'o3,axe,7'], { contract })
  expect(grown).toMatchObject({ accepted: 3, repeatedOrders: { orders: 0 } })
  const other = await importLines('b.csv', ['o3,axe,8'], { contract })
  expect(other.repeatedOrders).toMatchObject({ orders: 1, example: { orderId: 'o3' } })
})

test.each([1, 2, 3, 4, 5, 6, 7])(
  'an import killed at append %i names and keeps the same orders later',
  async (cut) => {
    await importLines('z.csv', ['o1,hose,10'])
    const lines = ['o1,saw,5', 'o2,rake,20', 'o2,axe,7', 'o3,pot,3', 'bad']
    let appends = 0
    const log: EventLog = {
      ...setting.log,
      writer: async (...args) => {
        const writer = await setting.log.writer(...args)
        const append: typeof writer.append = (batch, appendMs) => {
          if (++appends === cut) throw new Error('killed')
          return writer.append(batch, appendMs)
        }
        const close = () => writer.close()
        return { topic: writer.topic, partition: writer.partition, append, close }
      },
    }
    const changes = { ports: { log }, batchBytes: 300 }
    await expect(importLines('a.csv', lines, changes)).rejects.toThrow('killed')
    // The contents of o1 are those of z.csv.
    const other = await importLines('x.csv', ['o9,hose,10', 'o1,hose,10'])
    expect(other.repeatedOrders.orders).toBe(0)
    expect((await importLines('a.csv', lines)).repeatedOrders.orders).toBe(2)
    expect((await importLines('a.csv', lines)).repeatedOrders.orders).toBe(0)
    const later = await importLines('b.csv', ['o1,hose,11', 'o2,rake,21', 'o3,pot,4', 'o4,can,1'])
    expect(later.repeatedOrders.orders).toBe(3)
  },
)

test('fingerprints that earlier versions of ccs kept are understood', async () => {
  const lines = ['o1,hose,10']
  const past = openImportSetup(path.join(setting.dir, 'past'))
  writeFileSync(path.join(setting.dir, 'a.csv'), `time,order,sku,price\n${TIME},${lines[0]}\n`)
  await runImport(past, MAPPING, [path.join(setting.dir, 'a.csv')])
  const [record = Buffer.alloc(0)] = await readRecords(past.log, 'events.raw')
  await past.log.close()
  const print = Buffer.alloc(16) // the id's digest, and the CRC of the record
  createHash('sha256').update('o1').digest().copy(print, 0, 0, 12)
  print.writeUInt32LE(crc32c(record), 12)
  const writer = await setting.log.writer(IMPORTS_TOPIC, ORDERS_PARTITION, 'test')
  await writer.append(RecordBatch.of([print]), NOW_MS)
  await writer.close()
  expect((await importLines('a.csv', lines)).repeatedOrders.orders).toBe(0)
  expect((await importLines('b.csv', ['o1,hose,11'])).repeatedOrders.orders).toBe(1)
})

test('the fingerprint of an order stays what it was', async () => {
  await importLines('a.csv', ['o1,"hose, 5 m",10', 'o2,"saw ""Z""",0.5'])
  const prints = await readRecords(setting.log, IMPORTS_TOPIC, ORDERS_PARTITION)
  expect(prints.map((one) => one.toString('hex'))).toEqual([
    '2352da7280f1decc3acf1ba88178ae49',
    '9250b9912ee91d6b46e2329955282974',
  ])
})
