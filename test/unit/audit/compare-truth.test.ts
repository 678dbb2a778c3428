import { describe, expect, it } from 'vitest'
import { compareTable } from '../../../cli/domain/audit/compare-truth.ts'
import { TRUTH_TABLES } from '../../../cli/domain/audit/truth.ts'

const PAGES = TRUTH_TABLES.pages
const DEVICES = TRUTH_TABLES.devices

describe('comparing with the truth', () => {
  it('treats values as equal in any notation', () => {
    const truth = [['2026-01-02T03:00:00.000Z', '/', 12]]
    for (const window_start of [
      '2026-01-02T03:00:00Z',
      '2026-01-02 03:00:00',
      '2026-01-02T04:00:00+01:00',
    ]) {
      for (const views of [12, 12n, '12']) {
        expect(compareTable(PAGES, truth, [{ window_start, page: '/', views }]).mismatches).toBe(0)
      }
    }
    const device = [['2026-01-02', 'mobile', 1, 1, 0, 0, '0.50']]
    const row = { shop_date: '2026-01-02', device: 'mobile', sessions: 1, visitors: 1 }
    const rest = { engaged_sessions: 0, orders: '0' }
    for (const revenue of ['0.5', '0.50', '00.50', 0.5]) {
      expect(compareTable(DEVICES, device, [{ ...row, ...rest, revenue }]).mismatches).toBe(0)
    }
    expect(compareTable(DEVICES, device, [{ ...row, ...rest, revenue: '0.51' }]).mismatches).toBe(1)
  })

  it('names row, column and both values of a difference', () => {
    const truth = [['2026-01-02T03:00:00.000Z', '/', 12]]
    const found = compareTable(PAGES, truth, [
      { window_start: '2026-01-02T03:00:00.000Z', page: '/', views: 11 },
    ])
    expect(found.differences).toEqual([
      { key: '2026-01-02T03:00:00.000Z "/"', expected: { views: '12' }, actual: { views: '11' } },
    ])
  })

  it('counts missing, unexpected and doubled rows, and NULL is not a text', () => {
    const row = { window_start: '2026-01-02T03:00:00.000Z', page: '/a', views: 1 }
    const truth = [
      ['2026-01-02T03:00:00.000Z', '/a', 1],
      ['2026-01-02T03:00:00.000Z', '/b', 1],
    ]
    expect(compareTable(PAGES, truth, [row, { ...row, page: '/b' }]).mismatches).toBe(0)
    expect(compareTable(PAGES, truth, [row]).mismatches).toBe(1)
    expect(compareTable(PAGES, truth, [row, row, { ...row, page: '/b' }]).mismatches).toBe(1)
    expect(compareTable(PAGES, truth, [row, { ...row, page: '/c' }]).mismatches).toBe(2)
    expect(compareTable(PAGES, truth, [row, { ...row, page: null }]).mismatches).toBe(2)
    expect(compareTable(PAGES, truth, [row, { window_start: row.window_start }]).mismatches).toBe(2)
  })
})
