/** Which records of Kafka's topics are a person's, with topics in memory. */
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { compileEncoder } from '../../../cli/domain/avro/encoder.ts'
import { type EraseTopicsPorts, eraseFromTopics } from '../../../cli/domain/erase/erase-topics.ts'
import type { ErasedList } from '../../../cli/domain/erase/erased-ids.ts'
import {
  type ReadIds,
  readEventsBy,
  readRejectsBy,
  readRowsBy,
} from '../../../cli/domain/erase/record-ids.ts'
import type { TombstoneKey, TopicRecord } from '../../../cli/domain/erase/search-topic.ts'
import type { Event } from '../../../cli/domain/events/contracts.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'
import { shopEvent } from '../../fixtures/shop-events.ts'
import { projectFile } from '../model-files.ts'

const AT = Date.UTC(2026, 0, 5, 12)
const PERSON = { kind: 'customer', id: '1042' } as const
const PSEUDONYM = 'a pseudonym of 1042'
const RAW = { id: 1, subject: 's', version: 1, schema: projectFile('schemas/events.raw.avsc').text }
const DLQ = { ...RAW, id: 2, schema: projectFile('schemas/events.dlq.avsc').text }
const ROW = {
  ...{ id: 3, subject: 's', version: 1 },
  schema: JSON.stringify({
    ...{ type: 'record', name: 'Row' },
    fields: [
      { name: 'who', type: ['null', 'string'] },
      { name: 'browser', type: ['null', 'string'] },
      { name: 'product', type: 'string' },
      { name: 'visitors', type: 'long' },
    ],
  }),
}

type Wire = Pick<TopicRecord, 'key' | 'value'>

function encode<T extends object>({ schema, id }: typeof RAW, value: T): Buffer {
  const write = compileEncoder<T>(schema, id)
  return Buffer.from(new RecordBatch().encodeOne((batch) => write(batch, value)))
}

const event = (fields: Partial<Event>): Wire => {
  const value = encode(RAW, shopEvent('e', AT, fields))
  return { key: Buffer.from('1042'), value }
}

const row = (who: string | null, browser: string | null, key: string): Wire => {
  const value = encode(ROW, { who, browser, product: '1042', visitors: 1042 })
  return { key: Buffer.from(key), value }
}

const reject = (bytes: Buffer): Wire => {
  const place = { topic: 'events.raw', partition: 0, offset: 1042, first_seen: AT, origin: null }
  const why = { reason: 'rule_violation', message: 'm', schema_id: null, model: null }
  return { key: null, value: encode(DLQ, { ...place, ...why, bytes }) }
}

/** Erases PERSON from these topics, all compacted; one partition each. */
async function erase(topics: Readonly<Record<string, readonly Wire[]>>) {
  const buried: string[] = []
  const columns: Readonly<Record<string, string>> = { who: 'customer_id', browser: 'anonymous_id' }
  const fieldsOf = (_: string, column: string) => new Set([columns[column] ?? ''])
  const readEvent = readEventsBy([RAW])
  const readers: Readonly<Record<string, ReadIds>> = {
    'events.raw': readEvent,
    'events.dlq': readRejectsBy([DLQ], readEvent),
    'gold.row': readRowsBy([ROW], { model: 'gold.row', key: ['who', 'product'], fieldsOf }),
  }
  let list: ErasedList = { format: 1, key: Buffer.alloc(32).toString('base64'), ids: [] }
  const ports: EraseTopicsPorts = {
    ...{ nowMs: AT, prefix: '' },
    topics: async () =>
      Object.keys(topics).map((name) => {
        return { name, partitions: [0], isCompacted: true, retentionMs: null }
      }),
    read: async function* (topic) {
      yield (topics[topic] ?? []).map((one, offset) => ({ ...one, offset, timestampMs: AT }))
    },
    openReader: async (topic) => readers[topic] ?? (() => undefined),
    listValues: (field, value) =>
      field === 'customer_id' && value === '1042' ? [PSEUDONYM] : [value],
    writeTombstones: async (topic, keys: readonly TombstoneKey[]) => {
      for (const { key } of keys) buried.push(`${topic} ${key}`)
    },
    listOthers: () => [],
    loadErased: async () => list,
    saveErased: async (next) => {
      list = next
    },
    saveReceipt: async () => 'receipt',
  }
  const { topics: found, unclear } = await eraseFromTopics(PERSON, ports, async () => true)
  return { records: found.map((one) => `${one.topic} ${one.records}`), buried, unclear }
}

test('products, pages and counters of the same number are nobody’s', async () => {
  const topics = {
    'events.raw': [event({ page: '1042', search_term: '1042' })],
    'events.dlq': [reject(encode(RAW, shopEvent('r', AT, { page: '1042' })))],
    'gold.row': [row('other', 'b', '["other","1042"]'), row(null, '1042', '[null,"1042"]')],
  }
  expect(await erase(topics)).toEqual({ records: [], buried: [], unclear: [] })
})

test('events and rows are the person’s by their ids, and pseudonyms and visitors count', async () => {
  const own = { anonymous_id: 'v1', customer_id: '1042' }
  const topics = {
    'events.raw': [event(own), event({ anonymous_id: 'v1' }), event({ anonymous_id: 'v2' })],
    // Rejected, as it was erased before, or breaks a rule: nothing of the first is left.
    'events.dlq': [reject(Buffer.alloc(0)), reject(encode(RAW, shopEvent('r', AT, own)))],
    'gold.row': [
      row('1042', null, '["1042","p"]'),
      row(PSEUDONYM, 'x', 'by pseudonym'),
      row(null, 'v1', 'by visitor'),
      row('1042', null, 'replaced'),
      row('other', null, 'replaced'),
      row('1042', null, '["1042","q"]'),
      { key: Buffer.from('["1042","q"]'), value: null },
    ],
  }
  expect(await erase(topics)).toEqual({
    records: ['events.raw 2', 'events.dlq 1', 'gold.row 6'],
    buried: ['gold.row ["1042","p"]', 'gold.row by pseudonym', 'gold.row by visitor'],
    unclear: [],
  })
})

test('what can’t be decoded stays, and is reported by its offsets', async () => {
  const unknown = (text: string): Wire => ({ key: null, value: Buffer.from(text) })
  const topics = {
    'events.raw': [unknown('of 1042'), unknown('of others'), event({}), unknown('x')],
    'events.dlq': [reject(Buffer.from('{"customer_id":"1042"}'))],
    // An id that is a part of another id may be its owner's: a@1042 is somebody's address.
    'gold.row': [row('a@1042', null, 'k'), { key: Buffer.from('\0\0\0\0\u00071042'), value: null }],
  }
  expect(await erase(topics)).toEqual({
    records: [],
    buried: [],
    unclear: [
      {
        ...{ topic: 'events.raw', records: 3, withId: 1 },
        ranges: [
          { partition: 0, from: 0, to: 1 },
          { partition: 0, from: 3, to: 3 },
        ],
      },
      {
        ...{ topic: 'events.dlq', records: 1, withId: 1 },
        ranges: [{ partition: 0, from: 0, to: 0 }],
      },
      {
        ...{ topic: 'gold.row', records: 2, withId: 2 },
        ranges: [{ partition: 0, from: 0, to: 1 }],
      },
    ],
  })
})
