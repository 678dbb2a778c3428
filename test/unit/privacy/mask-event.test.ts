/** Events and rejects as people see them where fields have a class. */
import { expect, test } from 'vitest'
import { maskMessage } from '../../../cli/domain/dlq/mask-reject.ts'
import { createEventMask } from '../../../cli/domain/privacy/mask-event.ts'
import { maskTailRecord } from '../../../cli/domain/query/mask-tail.ts'

const FIELDS = [
  { name: 'customer_id', pii: 'hash' },
  { name: 'geo_city', pii: 'drop' },
] as const
const EVENT = { customer_id: 'ann', geo_city: 'Ulm', page: '/ann', event_ts: 1_000 }
const byTime = createEventMask(FIELDS, {
  replace: ({ pii }, value, eventMs) => (pii === 'drop' ? null : `${value.length}@${eventMs}`),
})
const PLACE = { topic: 'events.raw', partition: 0, offset: 1, appended: '', bytes: 9, schemaId: 1 }
const readNone = async () => undefined

test('a field has the pseudonym of its event’s corrected time, or is left out', () => {
  expect(byTime.mask(EVENT)).toEqual({ ...EVENT, customer_id: '3@1000', geo_city: null })
  const sent = { sent_ts: '1970-01-01T00:00:03.000Z', received_ts: '1970-01-01T00:00:07.000Z' }
  const iso = { ...EVENT, event_ts: '1970-01-01T00:00:01.000Z', ...sent }
  expect(byTime.mask(iso).customer_id).toBe('3@5000')
  // The beginning of an event that could not be read to its end.
  expect(byTime.mask({ customer_id: 'ann' })).toEqual({
    customer_id: `3@${Number.MAX_SAFE_INTEGER}`,
  })
  expect(createEventMask(FIELDS, undefined).mask(EVENT)).toMatchObject({ customer_id: null })
})

test.each([
  ['page "/x" of Ulm is wrong', EVENT, 'page "/x" of … is wrong'],
  ['customer_id "ann" is not 12', EVENT, 'customer_id … is not …'],
  ['the row "ann" has 3 cells', undefined, 'the row … has … cells'],
])('a message has no value of such a field: %s', (message, event, expected) => {
  expect(maskMessage(message, event, byTime)).toBe(expected)
})

test('bytes that can’t be read are left out, and so are those of a reject', async () => {
  const unread = { ...PLACE, problem: 'no Confluent header', hex: '61 6e 6e' }
  const { hex: _, ...rest } = unread
  expect(await maskTailRecord(unread, byTime, readNone)).toEqual(rest)
  const reject = { message: 'page "/ann" is wrong', bytes: Buffer.from('ann'), offset: 7 }
  const dlq = { ...PLACE, topic: 'events.dlq', value: reject }
  expect((await maskTailRecord(dlq, byTime, async () => EVENT)).value).toEqual({
    ...{ message: 'page "/3@1000" is wrong', bytes: null, offset: 7 },
  })
  expect((await maskTailRecord(dlq, byTime, readNone)).value).toMatchObject({
    message: 'page … is wrong',
  })
  const row = { ...PLACE, topic: 'gold.sessions', value: { customer_id: 'a pseudonym' } }
  expect(await maskTailRecord(row, byTime, readNone)).toBe(row)
})
