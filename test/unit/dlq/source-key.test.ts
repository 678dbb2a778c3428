/** The key of a rejected record, and the set that holds millions of keys. */
import { expect, test } from 'vitest'
import { findSourceKey } from '../../../cli/domain/dlq/duplicate-rejects.ts'
import { createSourceKey, SourceKeySet } from '../../../cli/domain/dlq/source-key.ts'
import type { RejectedEvent } from '../../../cli/domain/events/contracts.ts'

const reject = (changes: Partial<RejectedEvent> = {}): RejectedEvent => ({
  ...{ reason: 'undecodable', message: 'no', schema_id: null, origin: null, model: null },
  ...{ topic: 'events.raw', partition: 2, offset: 7, first_seen: 1_000 },
  bytes: Buffer.from('poison'),
  ...changes,
})

test('a key depends on position, arrival and bytes only, not on the reason', () => {
  const mark = createSourceKey(reject())
  expect(createSourceKey(reject({ reason: 'bad_magic', message: 'else', origin: 'x' }))).toEqual(
    mark,
  )
  const others: readonly Partial<RejectedEvent>[] = [
    { topic: 'events.old' },
    { partition: 3 },
    { offset: 8 },
    { first_seen: 1_001 },
    { bytes: Buffer.from('poisom') },
  ]
  for (const one of others) expect(createSourceKey(reject(one))).not.toEqual(mark)
})

test('a row of an import has no key', () => {
  expect(createSourceKey(reject({ offset: -1 }))).toBeUndefined()
})

test('after a topic is recreated, rejects of engine and gate have equal keys', () => {
  const sources = [
    { topic: 'events.raw', partition: 2, id: 'second', shift: 500, since: 500 },
  ] as const
  expect(findSourceKey(sources, 0, reject({ offset: 507 }))).toEqual(
    findSourceKey(sources, 1, reject()),
  )
  // A reject of the engine from before the topic was recreated.
  expect(findSourceKey(sources, 0, reject())).toEqual(createSourceKey(reject()))
  expect(findSourceKey(sources, 1, reject({ offset: 507 }))?.offset).toBe(507)
})

test('a set holds a hundred thousand keys once each, in any order', () => {
  const set = new SourceKeySet()
  const marks = Array.from({ length: 100_000 }, (_, i) => ({
    partition: `events.raw-${i % 3}`,
    // Some offsets occur twice with different records, some lie beyond 2^32.
    offset: ((i * 7919) % 90_000) + (i % 5) * 2 ** 33,
    bytesHash: Math.floor(i / 90_000),
  }))
  const known = new Set<string>()
  const wrong = marks.filter((mark) => {
    const key = Object.values(mark).join()
    const isNew = !known.has(key)
    known.add(key)
    return set.has(mark) === isNew || set.add(mark) !== isNew || !set.has(mark)
  })
  expect(wrong).toEqual([])
  expect(marks.filter((mark) => !set.has(mark))).toEqual([])
  expect(set.has({ partition: 'events.raw-0', offset: 90_001, bytesHash: 0 })).toBe(false)
  expect(set.has({ partition: 'events.raw-9', offset: 0, bytesHash: 0 })).toBe(false)
})
