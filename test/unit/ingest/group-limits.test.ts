/** How much of a group is kept in memory. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { RowFault, type SourceRow } from '../../../cli/domain/documents/source-row.ts'
import { limitGroupRows } from '../../../cli/domain/ingest/mapping/group-rows.ts'
import { RowGrouper } from '../../../cli/domain/ingest/mapping/row-grouper.ts'
import { ImportTest, importContract, runImport } from '../../fixtures/import-parts.ts'

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
    when: { kind: product }
    sku: sku
    unit_price_minor: { constant: 100 }
    quantity: { constant: 1 }
`

const setting = new ImportTest()

function write(name: string, rows: readonly string[]): string {
  const file = path.join(setting.dir, name)
  writeFileSync(file, `order,kind,sku\n${rows.join('\n')}\n`)
  return file
}

const rowsOf = (count: number, kind: string, order = 'o1') =>
  Array.from({ length: count }, (_, i) => `${order},${kind},s${i}`)

test('an order may have ten times as many rows as lines', async () => {
  const rowsMax = limitGroupRows(importContract().event)
  expect(rowsMax).toBe(2000)
  const rows = [...rowsOf(200, 'product'), ...rowsOf(1800, 'tax')]
  const most = await runImport(setting, MAPPING, [write('a.csv', rows)])
  expect(most).toMatchObject({ rows: 2000, accepted: 1, merged: 1999, rejected: 0 })
  expect((await setting.events())[0]?.items.length).toBe(200)
})

test.each([
  ['follow each other', (rows: readonly string[]) => rows],
  ['lie apart', (rows: readonly string[]) => rows.flatMap((row, i) => [row, `x${i},tax,`])],
])('of an order of more rows, which %s, the first row is kept', async (_, spread) => {
  const rows = spread(rowsOf(2001, 'tax'))
  const file = write('a.csv', rows)
  const result = await runImport(setting, MAPPING, [file])
  expect(result.rows).toBe(rows.length)
  expect(result.merged).toBe(2000)
  const [reject] = (await setting.rejects()).filter(({ origin }) => origin === `${file}:2`)
  expect(reject).toMatchObject({
    reason: 'too_large',
    message: expect.stringContaining('an order of 2001 rows; at most 2000 rows and 8388608 bytes'),
  })
  expect(Buffer.from(reject?.bytes ?? []).toString()).toBe('o1,tax,s0')
})

test('of an order of more than 8 MiB the first row is kept', async () => {
  const filler = 'x'.repeat(1_000_000)
  const rows = Array.from({ length: 9 }, (_, i) => `o1,${i}${filler},s`)
  const file = write('a.csv', [...rows, 'o2,product,s'])
  const result = await runImport(setting, MAPPING, [file])
  expect(result).toMatchObject({ accepted: 1, merged: 8, rejected: 1, reasons: { too_large: 1 } })
  const [reject] = await setting.rejects()
  expect(Buffer.from(reject?.bytes ?? []).toString()).toBe(rows[0])
})

test('rows that are too many, and rows without a key, are not kept', () => {
  const groups = { scattered: new Map(), suspects: new Map() }
  const limits = { file: 'a.csv', rowsMax: 3, heldBytesMax: 1000 }
  const grouper = new RowGrouper(groups, limits)
  const row = (line: number): SourceRow => ({ line, raw: Buffer.alloc(100), values: ['a'] })
  expect(grouper.push(row(1), 'a')).toEqual([])
  const fault = new RowFault('undecodable', 'x')
  for (let line = 2; line < 100; line++) {
    const faulty = { ...row(line), values: fault }
    expect(grouper.push(faulty, { fault, candidates: [] })).toEqual([faulty])
  }
  for (let line = 100; line < 200; line++) expect(grouper.push(row(line), 'a')).toEqual([])
  expect(grouper.end()).toMatchObject([{ line: 1, lastLine: 199, rowCount: 101, rows: [['a']] }])
})
