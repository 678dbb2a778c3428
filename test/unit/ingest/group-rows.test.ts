/** Rows of one order become one event: adjacent or apart, complete, exact, in bounded memory. */
import { statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashFile } from '../../../cli/adapters/files/open-rows.ts'
import {
  RowFault,
  type RowReader,
  type SourceRow,
} from '../../../cli/domain/documents/source-row.ts'
import type { RowKey } from '../../../cli/domain/ingest/mapping/group-key.ts'
import { groupRows, scanGroups } from '../../../cli/domain/ingest/mapping/group-rows.ts'
import { KeyCounts } from '../../../cli/domain/ingest/mapping/key-counts.ts'
import type { RowGroup } from '../../../cli/domain/ingest/mapping/row-grouper.ts'
import { ImportTest, runImport } from '../../fixtures/import-parts.ts'

const MAPPING = `
group: order
event:
  event_id: { hash: order }
  event_type: { constant: purchase }
  event_ts: time
  anonymous_id: visitor
  customer_id: customer
  device: { constant: desktop }
  source: { constant: import }
  currency: { from: currency, default: EUR }
  order_id: order
  coupon: { from: coupon, when: { status: { is_not: void } } }
  tax_minor: { from: tax, money: decimal, sum: true }
  shipping_minor: { from: shipping, money: decimal }
  revenue_minor: { from: subtotal, money: decimal }
  items:
    sku: sku
    unit_price_minor: { from: price, money: decimal }
    quantity: { constant: 1 }
    name: $.status
`

const HEADER =
  'order,time,visitor,customer,currency,status,coupon,tax,shipping,subtotal,sku,price\n'

const setting = new ImportTest()

function write(name: string, ...rows: readonly string[]): string {
  const file = path.join(setting.dir, name)
  writeFileSync(file, `${HEADER}${rows.join('\n')}\n`)
  return file
}

const events = () => setting.events()

const rejects = () => setting.rejects()

test('an order of several rows is one event, with amounts of the order taken once', async () => {
  const file = write(
    'a.csv',
    'o1,2026-01-01,v1,,,paid,X,1.00,4.90,27.00,a,10.00',
    'o1,2026-01-01,v1,c1,,,,0.50,,,b,20.00',
    'o2,2026-01-02,v2,c2,USD,void,Y,,,,a,10.00',
    ',2026-01-02,v2,c2,USD,void,Y,,,,a,10.00',
  )
  const result = await runImport(setting, MAPPING, [file])
  expect(result).toMatchObject({ rows: 4, accepted: 2, merged: 1, rejected: 1, leftOut: 0 })
  expect(await events()).toMatchObject([
    {
      order_id: 'o1',
      customer_id: 'c1',
      currency: 'EUR',
      coupon: 'X',
      tax_minor: 150,
      shipping_minor: 490,
      discount_minor: 300,
      items: [
        { sku: 'a', unit_price_minor: 1000, discount_minor: 100, name: 'paid' },
        { sku: 'b', unit_price_minor: 2000, discount_minor: 200, name: 'paid' },
      ],
    },
    { order_id: 'o2', currency: 'USD', coupon: null, discount_minor: null, items: [{ sku: 'a' }] },
  ])
})

test('rows of one order that contradict each other reject it with all its bytes', async () => {
  const rows = [
    'o1,2026-01-01,v1,,EUR,,,,4.90,,a,10.00',
    'o1,2026-01-01,v1,,EUR,,,,5.90,,b,20.00',
    'o2,2026-01-01,v1,,EUR,,,,,,a,10.00',
    'o2,2026-01-01,v1,,USD,,,,,,b,20.00',
    'o3,2026-01-01,v1,,EUR,,,,,,a,10.00',
    'o3,2026-01-01,v1,,EUR,,,,,,b,x',
  ]
  const file = write('a.csv', ...rows)
  const result = await runImport(setting, MAPPING, [file])
  expect(result).toMatchObject({ rows: 6, accepted: 0, merged: 3, rejected: 3 })
  const kept = await rejects()
  expect(kept.map((one) => [one.origin, one.message])).toEqual([
    [
      `${file}:2`,
      'shipping_minor: rows of one order have 490 and 590 (in hundredths); ' +
        '"sum: true" would add them up (map.yml:15)',
    ],
    [`${file}:4`, 'currency: rows of one order have EUR and USD (map.yml:11)'],
    [`${file}:6`, "unit_price_minor: 'x' is not an amount with up to two decimals (map.yml:19)"],
  ])
  expect(kept.map((one) => Buffer.from(one.bytes).toString())).toEqual([
    `${rows[0]}\n${rows[1]}`,
    `${rows[2]}\n${rows[3]}`,
    `${rows[4]}\n${rows[5]}`,
  ])
})

test('conditions of the order see the whole order, those of its lines their own row', async () => {
  const file = write(
    'a.csv',
    'o1,2026-01-01,v1,,,void,,,,,a,10.00',
    'o1,2026-01-01,v1,,,,,,,,b,20.00',
    'o2,2026-01-01,v1,,,paid,,,,,a,10.00',
    'o2,2026-01-01,v1,,,,,,,,b,20.00',
  )
  const mapping = MAPPING.replace(
    'event_type: { constant: purchase }',
    'event_type: { choose: [{ when: { status: void }, constant: refund }, { constant: purchase }] }',
  ).replace('items:\n', 'items:\n    when: { sku: b, $.status: [void, paid] }\n')
  expect(await runImport(setting, mapping, [file])).toMatchObject({ accepted: 2, merged: 2 })
  expect((await events()).map((e) => [e.event_type, e.items.map(({ sku }) => sku)])).toEqual([
    ['refund', ['b']],
    ['purchase', ['b']],
  ])
})

test('rows that lie apart are put together, and a faulty row between orders stays alone', async () => {
  const row = (order: string, sku: string) => `${order},2026-01-01,v1,,,,,,,,${sku},1.00`
  const file = write(
    'a.csv',
    row('o1', 'a'),
    row('o1', 'b'),
    'cut off',
    row('o2', 'c'),
    row('o3', 'd'),
    row('o2', 'e'),
    row('o1', 'f'),
    'cut off',
  )
  const result = await runImport(setting, MAPPING, [file])
  expect(result).toMatchObject({ rows: 8, accepted: 3, merged: 3, rejected: 2 })
  expect((await events()).map((e) => [e.order_id, e.items.map(({ sku }) => sku).join('')])).toEqual(
    [
      ['o3', 'd'],
      ['o2', 'ce'],
      ['o1', 'abf'],
    ],
  )
  const again = await runImport(setting, MAPPING, [file])
  expect(again).toMatchObject({ accepted: 0, merged: 0, rejected: 0, importedBefore: 8 })
})

test.each([1, 2, 3, 4, 5])('an import cut at append %i goes on at the right order', async (cut) => {
  const filler = 'x'.repeat(700)
  const rows = Array.from({ length: 900 }, (_, i) => {
    // Orders of three rows; every tenth has its last row 40 orders later.
    const order = i % 30 === 29 ? Math.max(0, Math.floor(i / 3) - 40) : Math.floor(i / 3)
    return `o${order},2026-01-01,v,,,,${filler},,,,s${i},${i % 97 === 0 ? 'x' : '1.00'}`
  })
  const file = write('a.csv', ...rows)
  let appends = 0
  const log: typeof setting.log = {
    ...setting.log,
    writer: async (...args) => {
      const writer = await setting.log.writer(...args)
      return {
        topic: writer.topic,
        partition: writer.partition,
        close: () => writer.close(),
        append: (batch, appendMs) => {
          if (++appends === cut) throw new Error('cut')
          return writer.append(batch, appendMs)
        },
      }
    },
  }
  const changes = { ports: { log }, batchBytes: 16 * 1024 }
  await expect(runImport(setting, MAPPING, [file], changes)).rejects.toThrow('cut')
  const rest = await runImport(setting, MAPPING, [file])
  expect(rest.rows).toBe(900)
  const orders = (await events()).map((event) => event.order_id)
  const rejected = (await rejects()).flatMap((one) =>
    Buffer.from(one.bytes)
      .toString()
      .split('\n')
      .map((line) => line.split(',')[0]),
  )
  expect(new Set(orders).size).toBe(orders.length)
  const all = new Set(rows.map((line) => line.split(',')[0]))
  expect(new Set([...orders, ...rejected])).toEqual(all)
  const lines = (await events()).reduce((sum, event) => sum + event.items.length, 0)
  expect(lines + rejected.length).toBe(900)
})

function readerOf(rows: readonly SourceRow[], batch: number): RowReader {
  return {
    format: 'csv',
    columns: ['key'],
    bytesTotal: 1,
    isEmpty: false,
    bytesRead: () => 1,
    repeatedHeaders: () => 0,
    close: () => Promise.resolve(),
    batches: async function* () {
      for (let i = 0; i < rows.length; i += batch) yield rows.slice(i, i + batch)
    },
  }
}

const readKey = ({ values }: SourceRow): RowKey =>
  values instanceof RowFault
    ? { fault: values, candidates: [] }
    : String(Object.values(values)[0]) || undefined

const SCAN = { file: 'a.csv', signal: new AbortController().signal, onBytes: () => {}, rowsMax: 30 }

test('each key is one group with all of its rows, in whatever order they come', async () => {
  const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd', '', 'fault'), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(keys, fc.integer({ min: 1, max: 7 }), async (list, batch) => {
      const rows = list.map((key, i) => ({
        line: i + 2,
        raw: Buffer.from(`${key}${i}`),
        values: key === 'fault' ? new RowFault('undecodable', 'x') : [key],
      }))
      const open = () => Promise.resolve(readerOf(rows, batch))
      const found = await scanGroups(open, () => readKey, SCAN)
      const grouping = { file: 'a.csv', readKey, groups: found, rowsMax: 30 }
      const groups: (SourceRow | RowGroup)[] = []
      for await (const some of groupRows(await open(), grouping)) groups.push(...some)
      const last = groups.flatMap((group) => ('rows' in group ? [group.lastLine] : []))
      expect(last).toEqual([...last].sort((a, b) => a - b))
      const raws = groups.flatMap(({ raw }) => Buffer.from(raw).toString().split('\n'))
      expect(raws.sort()).toEqual(list.map((key, i) => `${key}${i}`).sort())
      const grouped = groups.filter((group) => 'rows' in group)
      expect(grouped.length).toBe(new Set(list.filter((key) => key.length === 1)).size)
    }),
    { numRuns: 60 },
  )
})

test('a file whose orders are spread too far is refused with what to do', async () => {
  const keys = [...Array.from({ length: 50 }, (_, i) => `k${i}`)]
  const rows = [...keys, ...keys].map((key, i) => ({
    line: i + 2,
    raw: Buffer.alloc(100),
    values: [key],
  }))
  const open = () => Promise.resolve(readerOf(rows, 10))
  await expect(
    scanGroups(open, () => readKey, { ...SCAN, heldBytesMax: 1000 }),
  ).rejects.toMatchObject({
    code: 'CCS_IMPORT_INVALID',
    exit: 2,
    location: { file: 'a.csv', line: 2 },
    hint: 'Sort the file by the columns of "group"; one of the groups is k10.',
  })
  expect(
    (await scanGroups(open, () => readKey, { ...SCAN, heldBytesMax: 5000 })).scattered.size,
  ).toBe(50)
})

test.each([
  ['while its groups are looked for', 1, 'check'],
  ['while its groups are looked for a second time', 7, 'check'],
  ['while it is hashed', Number.POSITIVE_INFINITY, 'hash'],
  ['while it is read', 1, 'read'],
])('an import stopped %s ends and has written nothing', async (_, at, where) => {
  const row = (i: number) => `o${i % 5000},2026-01-01,v${'x'.repeat(150)},,,,,,,,a,1.00`
  const file = write('a.csv', ...Array.from({ length: 10_000 }, (_, i) => row(i)))
  const stop = new AbortController()
  let calls = 0
  let after = 0
  const result = await runImport(setting, MAPPING, [file], {
    signal: stop.signal,
    onProgress: (phase) => {
      if (stop.signal.aborted) after++
      if (phase === where && ++calls === at) stop.abort()
    },
    ports: {
      hashFile: (name, signal) => {
        if (where === 'hash') stop.abort()
        return hashFile(name, signal)
      },
    },
  })
  expect(stop.signal.aborted).toBe(true)
  expect(after).toBe(0)
  expect(result).toMatchObject({ isStopped: true, rows: 0, files: [{ file, rows: 0 }] })
  expect([await events(), await rejects()]).toEqual([[], []])
})

test('progress of the check goes forward up to its total', async () => {
  const line = (order: string) => `${order},2026-01-01,v1,,,,,,,,a,1.00`
  const apart = write('a.csv', line('o1'), line('o2'), line('o1'))
  const together = write('b.csv', line('o3'), line('o3'))
  const done: number[] = []
  let most = 0
  const onProgress = (phase: string, bytes: number, total: number) => {
    if (phase === 'check') done.push(bytes)
    if (phase === 'check') most = total
  }
  await runImport(setting, MAPPING, [apart, together], { onProgress })
  const sizes = [apart, together].map((one) => statSync(one).size)
  expect(most).toBe(2 * ((sizes[0] ?? 0) + (sizes[1] ?? 0)))
  expect(done).toEqual([...done].sort((a, b) => a - b))
  expect(done.at(-1)).toBe(2 * (sizes[0] ?? 0) + (sizes[1] ?? 0))
})

test('hashes of keys are numbers up to 2^53, and a hundred thousand keys are counted', () => {
  const counts = new KeyCounts()
  for (let i = 0; i < 100_000; i++) counts.add(`order ${i}`, true)
  for (let i = 0; i < 3; i++) counts.add('order 7', i === 0)
  expect([...counts.scattered()]).toEqual([[KeyCounts.hash('order 7'), 4]])
  expect(Number.isSafeInteger(KeyCounts.hash(''))).toBe(true)
})
