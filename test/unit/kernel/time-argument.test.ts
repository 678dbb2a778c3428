import { expect, test } from 'vitest'
import {
  parseInstantMs,
  parseSinceMs,
  requireDay,
} from '../../../cli/domain/kernel/time-argument.ts'

test('a time without a zone is UTC, on every machine', () => {
  expect(parseInstantMs('2026-11-30T10:00:00', '--to')).toBe(Date.UTC(2026, 10, 30, 10))
  expect(parseInstantMs('2026-11-30 10:00', '--to')).toBe(Date.UTC(2026, 10, 30, 10))
  expect(parseInstantMs('2026-11-30', '--to')).toBe(Date.UTC(2026, 10, 30))
  expect(parseInstantMs('2026-11-30T10:00+02:00', '--to')).toBe(Date.UTC(2026, 10, 30, 8))
})

test.each([
  ...['7', '', 'yesterday', '2026-11', '2026-02-30', '2026-02-30T10:00Z'],
  ...['2026-11-30T25:00Z', '2026-11-30T10:00+99:99', '2026-11-30Z'],
])('%o is no time', (text) => {
  expect(() => parseInstantMs(text, '--to')).toThrow(`--to "${text}" is not a time.`)
})

test('--since takes a length of time, too', () => {
  expect(parseSinceMs('2h', 10_000_000)).toBe(2_800_000)
  expect(parseSinceMs('2026-11-30', 0)).toBe(Date.UTC(2026, 10, 30))
  expect(() => parseSinceMs('7', 0)).toThrow('neither a length of time nor a time')
})

test('a day is one of the calendar', () => {
  expect(requireDay('2028-02-29')).toBe('2028-02-29')
  for (const text of ['2026-02-29', '2026-2-1', '2026-02-01T00:00'])
    expect(() => requireDay(text)).toThrow('is not a day')
})
