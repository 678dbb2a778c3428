/** The table of what a day's numbers leave out, from counts as the day's SELECT returns them. */
import { expect, test } from 'vitest'
import { wrapLine } from '../../../cli/domain/console/text.ts'
import {
  buildLeftOut,
  type DayCounts,
  LEFT_OUT_KINDS,
  type LeftOutInput,
  type LeftOutKind,
  renderLeftOut,
} from '../../../cli/domain/provenance/left-out.ts'

const late = (name: string) => {
  return { name, file: '', source: 'silver.people', isPerEvent: true, condition: 'TRUE' }
}

/** 100 records, of which Silver has 90 and Gold 80. */
const COUNTS: DayCounts = {
  shop_date: '2026-10-25',
  since_ms: Date.parse('2026-10-24T22:00:00Z'),
  until_ms: Date.parse('2026-10-25T23:00:00Z'),
  ...{ arrived: 100, kept: '90', bots: 7, refused: 2, counted: 80, repeated_orders: 3 },
  ...{ bots_counted: 0, refused_counted: 0, late: 5, late_0: 5, late_1: 0 },
  ...{ other_currency: 4, other_day: 6, currency: 'EUR', other_amounts: 'GBP 10.00' },
}

function table(more: Partial<LeftOutInput> = {}) {
  const models = {
    ...{ bronze: 'bronze.events', events: 'silver.events', counted: 'silver.people' },
    ...{ orderKey: 'order_id', late: [late('gold.activity_1m'), late('gold.sessions')] },
    ...{ revenue: 'gold.revenue_daily', columns: undefined },
  }
  const rejects = { records: 8, recordsTotal: 20, importRows: 1, importRowsTotal: 1 }
  return buildLeftOut({ models, timezone: 'Europe/Berlin', counts: COUNTS, rejects, ...more })
}

const row = (kind: LeftOutKind, more: Partial<LeftOutInput> = {}) =>
  table(more).rows.find((one) => one.kind === kind)

test('each event is counted once, for the first reason that leaves it out', () => {
  const counts = Object.fromEntries(table().rows.map(({ kind, count }) => [kind, count]))
  expect(counts).toEqual({
    ...{ late: 5, duplicate: 7, 'repeated-order': 3, rejected: 8, 'rejected-import': 1 },
    ...{ bot: 7, 'no-consent': 2, 'other-rule': 1, 'other-currency': 4, 'other-day': 6 },
  })
  expect(Object.keys(counts)).toEqual([...LEFT_OUT_KINDS])
  expect(table()).toMatchObject({
    since: '2026-10-24T22:00:00.000Z',
    until: '2026-10-25T23:00:00.000Z',
  })
})

test('a rule names the numbers that lack the events', () => {
  expect(row('late')?.rule).toBe('not in gold.activity_1m 5; in Silver and the daily marts')
  expect(row('other-currency')?.rule).toContain('which is in EUR: GBP 10.00')
  expect(row('rejected')?.rule).toContain('; 20 since the log began')
  expect(row('rejected-import')?.rule).not.toContain('since the log began')
})

test('refused consent that no model leaves out is said to be counted', () => {
  const found = row('no-consent', { counts: { ...COUNTS, refused_counted: 2, counted: 82 } })
  expect(found).toMatchObject({
    count: 0,
    rule: '2 with consent = false are counted: silver.people has no rule on it',
  })
})

test('without the log the rejects are unknown, and nothing else', () => {
  expect(row('rejected', { rejects: undefined })?.count).toBeNull()
  expect(row('bot', { rejects: undefined })?.count).toBe(7)
})

test('the lines of a terminal name each kind and, for another day, the day', () => {
  const wrap = (line: string, indent: number) => wrapLine(line, 80, indent)
  const lines = renderLeftOut(table({ isOtherDay: true }), wrap)
  expect(lines[0]).toBe('Left out of the numbers of 2026-10-25, Europe/Berlin:')
  expect(lines[1]).toMatch(/^late +5 {2}not in gold\.activity_1m 5/)
  expect(lines.at(-1)).toBe('One of them: ccs why --left-out KIND --day 2026-10-25')
  expect(lines.every((line) => line.length <= 80)).toBe(true)
})
