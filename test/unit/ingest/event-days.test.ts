import { expect, test } from 'vitest'
import { describeDays, EventDays } from '../../../cli/domain/ingest/event-days.ts'

/** `days`: for each event its day in March 2026, from 1; 62 is 1 May. */
function summarize(days: readonly number[]) {
  const counted = new EventDays()
  for (const [i, day] of days.entries())
    counted.add(Date.parse('2026-03-01T12:00:00Z') + (day - 1) * 86_400_000, 'a.csv', i + 2)
  return counted.summarize()
}

const repeat = (day: number, times: number) => Array.from({ length: times }, () => day)

test('days with events are counted, from the first to the last', () => {
  const days = summarize([3, 1, 2, 3])
  expect(days).toMatchObject({ first: '2026-03-01', last: '2026-03-03', days: 3 })
  expect(days.ahead).toEqual({ events: 0, after: null, examples: [] })
  expect(describeDays(days)).toEqual([
    'The events happened from 2026-03-01 to 2026-03-03, on 3 days (UTC).',
  ])
})

test('few events long after all others are named with their places', () => {
  const days = summarize([...repeat(1, 30), 62, 63, ...repeat(2, 30), 62])
  expect(days.ahead).toEqual({
    events: 3,
    after: '2026-03-02',
    examples: [
      { origin: 'a.csv:32', day: '2026-05-01' },
      { origin: 'a.csv:33', day: '2026-05-02' },
    ],
  })
  expect(describeDays(days).join(' ')).toContain(
    '3 events are more than a day ahead of all others, which end on 2026-03-02: ' +
      '2026-05-01 in a.csv:32, 2026-05-02 in a.csv:33, …',
  )
})

test.each([
  ['the next days', [...repeat(1, 30), 2, 3]],
  ['a day after one without events, as before', [...repeat(1, 30), ...repeat(4, 9), 7]],
  ['many', [...repeat(1, 30), ...repeat(62, 30)]],
  ['the only ones', [1]],
  ['long before the others', [1, ...repeat(62, 30)]],
])('events are not ahead if they are %s', (_, days) => {
  expect(summarize(days).ahead.events).toBe(0)
})

test('an event after one whole day without events is ahead', () => {
  expect(summarize([...repeat(1, 30), 3]).ahead).toMatchObject({ events: 1, after: '2026-03-01' })
})

test('without events there is nothing to say', () => {
  expect(describeDays(summarize([]))).toEqual([])
})
