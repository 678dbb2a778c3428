/** Lists in what a mapping reads: sums of amounts, and one row for each entry. */
import { expect, test } from 'vitest'
import { RowFault } from '../../../cli/domain/documents/source-row.ts'
import { bindMapping } from '../../../cli/domain/ingest/mapping/bind-mapping.ts'
import { parseMapping } from '../../../cli/domain/ingest/mapping/parse-mapping.ts'
import { bindRowSplitter } from '../../../cli/domain/ingest/mapping/split-row.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { ImportTest, importContract, runImport } from '../../fixtures/import-parts.ts'

const contract = importContract().event
const setting = new ImportTest()

const mapping = (rules: string, top = '') => `${top}
event:
  event_id: { hash: all }
  event_type: { constant: page_view }
  event_ts: { constant: 2026-01-01T00:00:00Z }
  anonymous_id: { constant: v }
  device: { constant: desktop }
  source: { constant: server }
  page: { constant: / }
  ${rules}
`

function mapRow(rules: string, row: Readonly<Record<string, unknown>>): unknown {
  const spec = parseMapping(mapping(rules), 'map.yml', contract)
  const source = { file: 'a.ndjson', format: 'ndjson', columns: undefined } as const
  const mapped = bindMapping(spec, contract, source)(row, 1)
  if (mapped instanceof RowFault) return `${mapped.reason}: ${mapped.message}`
  return mapped.kind === 'event' ? mapped.event : mapped.kind
}

function faultOf(rules: string, top = ''): string {
  try {
    parseMapping(mapping(rules, top), 'map.yml', contract)
  } catch (error) {
    if (error instanceof CcsError) return error.message
    throw error
  }
  return ''
}

const TAX = "tax_minor: { from: 'taxes[].amount', money: decimal }"

test('a path with [] adds up the amounts of all entries, exactly', () => {
  const taxes = [{ amount: '0.10' }, { amount: 0.2 }, { other: 1 }, null, { amount: '' }]
  expect(mapRow(TAX, { taxes })).toMatchObject({ tax_minor: 30 })
  expect(mapRow(TAX, { taxes: '[{"amount": 1}, {"amount": 2.5}]' })).toMatchObject({
    tax_minor: 350,
  })
})

test('a list without amounts is no value', () => {
  for (const taxes of [[], [{}], undefined, null, 7, {}])
    expect(mapRow(TAX, { taxes })).toMatchObject({ tax_minor: null })
  const filled = "tax_minor: { from: ['a[].b', 'taxes[].amount'], default: 7, money: decimal }"
  expect(mapRow(filled, { taxes: [{ amount: 3 }] })).toMatchObject({ tax_minor: 300 })
  expect(mapRow(filled, {})).toMatchObject({ tax_minor: 700 })
})

test('[key=value] after [] chooses the entries, and [key=] those without a value', () => {
  const paid = "tax_minor: { from: 'pays[][kind=refund][ok=true].amount', money: minor }"
  const pays = [
    { kind: 'refund', ok: true, amount: 1 },
    { kind: 'refund', ok: false, amount: 10 },
    { kind: 'sale', ok: true, amount: 100 },
    { kind: 'refund', ok: true, amount: 1000 },
  ]
  expect(mapRow(paid, { pays })).toMatchObject({ tax_minor: 1001 })
  const items = 'items: { each: "lines[][tip=]", sku: sku, quantity: { constant: 1 },'
  const rules = `${items} unit_price_minor: { constant: 0 } }`
  const lines = [
    { sku: 'a' },
    { sku: 'b', tip: 'x' },
    { sku: 'c', tip: null },
    { sku: 'd', tip: '' },
  ]
  expect(mapRow(rules, { lines })).toMatchObject({
    items: [{ sku: 'a' }, { sku: 'c' }, { sku: 'd' }],
  })
})

test('lists in lists are added up too', () => {
  const all = "tax_minor: { from: 'lines[].taxes[].amount', money: minor }"
  const lines = [
    { taxes: [{ amount: 1 }, { amount: 2 }] },
    { taxes: [] },
    { taxes: [{ amount: 4 }] },
  ]
  expect(mapRow(all, { lines })).toMatchObject({ tax_minor: 7 })
})

test('one wrong amount rejects the row', () => {
  expect(mapRow(TAX, { taxes: [{ amount: 1 }, { amount: 'x' }] })).toMatch(
    /^wrong_type: tax_minor: 'x' is not an amount.*\(map.yml:\d+\)$/,
  )
  expect(mapRow(TAX, { taxes: [{ amount: {} }] })).toContain('has an object')
  const huge = Array.from({ length: 3 }, () => ({ amount: '90071992547409.00' }))
  expect(mapRow(TAX, { taxes: huge })).toContain('the sum is too large')
})

test('only amounts can have a path with []', () => {
  expect(faultOf("coupon: 'taxes[].code'")).toContain('only the amounts')
  expect(faultOf("tax_minor: { hash: 'taxes[].amount', money: decimal }")).toContain('only the')
})

test('rows: each entry of a list is a row, with the whole beside it', () => {
  const split = (rows: string, row: Readonly<Record<string, unknown>>) =>
    bindRowSplitter(parseMapping(mapping('', rows), 'map.yml', contract))(row)
  const rows = 'rows: { each: body.refunds, as: refund }'
  const body = { id: 1, refunds: [{ id: 2 }, { id: 3 }] }
  expect(split(rows, { body })).toEqual([
    { body, refund: { id: 2 } },
    { body, refund: { id: 3 } },
  ])
  for (const refunds of [[], null, undefined, ''])
    expect(split(rows, { body: { refunds } })).toEqual([])
  expect(split('', { body })).toEqual([{ body }])
  expect(split(rows, { body: { refunds: 7 } })).toMatchObject({ reason: 'wrong_type' })
  expect(split(rows, { body: { refunds: [{}, 7] } })).toMatchObject({
    message: 'body.refunds[1] is not an object',
  })
  expect(faultOf('', 'rows: { each: body.refunds }')).toContain('needs "each" and "as"')
})

test('a file can not be imported by a mapping with rows', async () => {
  const run = runImport(setting, mapping('', 'rows: { each: a, as: b }'), [])
  await expect(run).rejects.toMatchObject({
    code: 'CCS_IMPORT_INVALID',
    message: expect.stringContaining('has "rows", which is for what the collector receives'),
  })
})
