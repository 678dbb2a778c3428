/** A row that can't be read rejects the order it belongs to, so that no order lacks a line. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ImportTest, runImport } from '../../fixtures/import-parts.ts'

const MAPPING = `
group: order
event:
  event_id: { hash: order }
  event_type: { constant: purchase }
  event_ts: { constant: '2026-01-01' }
  anonymous_id: order
  device: { constant: desktop }
  source: { constant: import }
  currency: { constant: EUR }
  order_id: order
  items:
    sku: sku
    unit_price_minor: { from: price, money: decimal }
    quantity: { from: pieces }
    name: { from: name, optional: true }
`

const setting = new ImportTest()

function write(name: string, ...rows: readonly (string | Buffer)[]): string {
  const file = path.join(setting.dir, name)
  writeFileSync(
    file,
    Buffer.concat(rows.map((row) => Buffer.from(Buffer.concat([toBytes(row), LF])))),
  )
  return file
}

const LF = Buffer.from('\n')
const toBytes = (row: string | Buffer) => (typeof row === 'string' ? Buffer.from(row) : row)

/** The lines of each order that became an event. */
async function orders(): Promise<Record<string, string>> {
  const events = await setting.events()
  return Object.fromEntries(
    events.map(({ order_id: id, items }) => [id, items.map(({ sku }) => sku).join('')]),
  )
}

const CSV = 'order,sku,price,pieces,name'

test('a line that is cut off rejects its order, with the bytes of all its rows', async () => {
  const rows = ['A-1,a,1.00,1,x', 'A-1,b,2.00,1', 'A-1,c,3.00,1,x', 'A-2,a,1.00,1,x']
  const file = write('a.csv', CSV, ...rows)
  const result = await runImport(setting, MAPPING, [file])
  expect(result).toMatchObject({ rows: 4, accepted: 1, merged: 2, rejected: 1 })
  expect(await orders()).toEqual({ 'A-2': 'a' })
  expect(result.examples).toEqual([
    {
      origin: `${file}:2`,
      reason: 'missing_field',
      message: 'line 3: 4 of 5 columns; is the line cut off?',
    },
  ])
  const [reject] = await setting.rejects()
  expect(Buffer.from(reject?.bytes ?? []).toString()).toBe(rows.slice(0, 3).join('\n'))
})

test.each([
  ['cut off', 'A-1,b,2.00,1'],
  ['of too many fields', 'A-1,b,2.00,1,x,y'],
  ['with a quote that is never closed', 'A-1,b,2.00,1,"x'],
  ['with text after a quote', 'A-1,b,2.00,1,"x"y'],
  ['that is not UTF-8', Buffer.from('A-1,b,2.00,1,\xe9', 'latin1')],
  ['that is not UTF-8 in quotes', Buffer.from('A-1,b,2.00,1,"\xe9"', 'latin1')],
  ['that is too long', `A-1,b,2.00,1,${'x'.repeat(8 * 1024 * 1024)}`],
])('a row %s rejects its order, wherever its other rows are', async (_, bad) => {
  const [one, other] = ['A-1,a,1.00,1,x', 'A-2,a,1.00,1,x']
  for (const [i, rows] of [
    [one, bad, other],
    [bad, one, other],
    [one, other, bad],
    [bad, other, one],
    [one, other, bad, one],
    [one, other, one, other, bad],
  ].entries()) {
    const file = write(`${i}.csv`, CSV, ...rows)
    const result = await runImport(setting, MAPPING, [file], { isDryRun: true })
    expect(result, String(i)).toMatchObject({ rows: rows.length, accepted: 1 })
    expect(result.merged + result.rejected).toBe(rows.length - 1)
  }
})

test.each([
  ['cut off', '{"order":"A-1","sku":"b","pri'],
  ['with an error in it', '{"sku":"b","order":"A-1",,"price":1}'],
  ['of two lines in one', '{"order":"A-1","sku":"b"{"order":"A-2","sku":"b"}'],
  ['that is not UTF-8', Buffer.from('{"order":"A-1","sku":"b\xe9"}', 'latin1')],
])('an NDJSON row %s rejects its order', async (_, bad) => {
  const row = (order: string) => `{"order":"${order}","sku":"a","price":"1.00","pieces":1}`
  const file = write('a.ndjson', row('A-1'), row('A-2'), bad, row('A-3'))
  const result = await runImport(setting, MAPPING, [file])
  expect(result).toMatchObject({ rows: 4, accepted: 2, merged: 1, rejected: 1 })
  expect(Object.keys(await orders()).sort()).toEqual(['A-2', 'A-3'])
})

test('a row without a readable order says so, and rejects the one it stands in', async () => {
  const row = (order: string, sku: string) => `${order},${sku},1.00,1,x`
  const file = write(
    'a.csv',
    CSV,
    ...[row('A-1', 'a'), 'A-', row('A-1', 'b')],
    ...[row('A-2', 'a'), 'A-', 'A-', row('A-3', 'a')],
    ...[row('A-4', 'a'), row('A-5', 'a'), row('A-4', 'b'), '"', row('A-4', 'c')],
  )
  const result = await runImport(setting, MAPPING, [file])
  expect(await orders()).toEqual({ 'A-2': 'a', 'A-3': 'a', 'A-5': 'a' })
  expect(result).toMatchObject({ rows: 12, accepted: 3, merged: 3, rejected: 6 })
  const unknown = "which order it belongs to can't be read"
  const cut = `1 of 5 columns; is the line cut off?; ${unknown}`
  const open = `the quote at byte 1 of the row is never closed; ${unknown}`
  const within = (line: number) => `line ${line} stands between its rows and can't be read:`
  expect(result.examples.map(({ origin, message }) => [origin.split(':')[1], message])).toEqual([
    ['3', cut],
    ['2', `${within(3)} ${cut}`],
    ['6', cut],
    ['7', cut],
    ['12', open],
    ['9', `${within(12)} ${open}`],
  ])
})

test('a row of too many fields rejects each order that it may belong to', async () => {
  const mapping = MAPPING.replace('hash: order', 'hash: [order]')
  const header = 'name,order,sku,price,pieces'
  const row = (order: string) => `x,${order},a,1.00,1`
  // A comma in the name, or in one of the fields after the order.
  const file = write('a.csv', header, row('A-1'), row('A-2'), row('A-3'), 'A-1,A-2,b,1.00,1,9')
  const result = await runImport(setting, mapping, [file])
  expect(await orders()).toEqual({ 'A-1': 'a', 'A-3': 'a' })
  const later = write('b.csv', header, row('B-1'), row('B-2'), 'x,y,B-1,b,1.00,1')
  const other = await runImport(setting, mapping, [later])
  expect(await orders()).toEqual({ 'A-1': 'a', 'A-3': 'a', 'B-2': 'a' })
  expect(other.examples.map(({ message }) => message)).toEqual([
    "line 4 can't be read and may be one of its rows",
    "6 columns, but the header has 5; which order it belongs to can't be read",
  ])
  expect(result).toMatchObject({ accepted: 2, rejected: 2 })
  // Commas in two names before the order.
  const wide = `first,${header}`
  const two = write('c.csv', wide, `f,${row('C-1')}`, `f,${row('C-2')}`, 'f,g,h,C-1,b,1.00,1,1')
  await runImport(setting, mapping, [two])
  expect(Object.keys(await orders()).filter((id) => id.startsWith('C'))).toEqual(['C-2'])
})

test('a row whose order is in damaged JSON text is rejected', async () => {
  const mapping = MAPPING.replaceAll(/order(?=\n| })/g, (name, at: number) =>
    MAPPING.slice(0, at).endsWith('group: ') ? 'data.order' : name,
  )
  const header = 'data,order,sku,price,pieces'
  const row = (sku: string, data = '"{""order"":1}"') => `${data},A-1,${sku},1.00,1`
  const file = write('a.csv', header, row('a'), row('b', '"{""order"":"'), row('c'))
  const result = await runImport(setting, mapping, [file])
  expect(result).toMatchObject({ rows: 3, accepted: 0, merged: 1, rejected: 2 })
})

test('an order is whole or rejected, wherever one of its rows is damaged', async () => {
  const order = fc.constantFrom('A-1', 'A-2', 'A-3')
  const damage = fc.constantFrom(
    undefined,
    (row: string) => row.slice(0, -3),
    (row: string) => `${row},`,
  )
  const rows = fc.array(fc.tuple(order, damage), { minLength: 1, maxLength: 8 })
  let files = 0
  await fc.assert(
    fc.asyncProperty(rows, async (list) => {
      const lines = list.map(([id, harm], i) => {
        const row = `${id},s${i},1.00,1,x`
        return harm ? harm(row) : row
      })
      const file = write(`${++files}.csv`, CSV, ...lines)
      const {
        accepted,
        rows: all,
        merged,
        rejected,
      } = await runImport(setting, MAPPING, [file], {
        isDryRun: true,
      })
      const damaged = new Set(list.filter(([, harm]) => harm).map(([id]) => id))
      const whole = new Set(list.map(([id]) => id).filter((id) => !damaged.has(id)))
      expect(accepted).toBe(whole.size)
      expect(accepted + merged + rejected).toBe(all)
    }),
    { numRuns: 30 },
  )
})
