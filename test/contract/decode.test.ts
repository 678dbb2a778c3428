/**
 * The engine's writer (compiled decoder, vectors) and the reference writer (avsc, public API) give the same
 * rows and the same rejects for any bytes.
 */
import avro from 'avsc'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Duck, type DuckConnection, openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import type { GateOptions } from '../../cli/domain/gate/gate.ts'
import type { Reject } from '../../cli/domain/gate/reject.ts'
import type { LogFrame } from '../../cli/domain/log/event-log.ts'
import {
  openRawRowWriter,
  type RawRowWriter,
  type RecordTracker,
} from '../../cli/engines/embedded/intake/raw-row-writer.ts'
import { selectShare } from '../fixtures/fault-share.ts'
import {
  anyRecord,
  BASE_MS,
  damageBytes,
  encodeRecord,
  GATE_OPTIONS,
  goodEvent,
  makeFrame,
  RAW_SCHEMA,
  type Random,
  randomBelow,
  registeredSchema,
  seeded,
} from '../fixtures/gate-events.ts'
import { ReferenceRowWriter } from '../fixtures/reference-row-writer.ts'

let duck: Duck
let connection: DuckConnection

beforeEach(async () => {
  duck = await openDuck({ threads: 1 })
  connection = await duck.connect()
})

afterEach(() => {
  connection.close()
  duck.close()
})

/** First arrival and lateness by arbitrary rules that depend on all arguments. */
class TestTracker implements RecordTracker {
  lateMs = 0
  isFirstArrival = true

  track(id0: number, id1: number, id2: number, id3: number, eventMs: number): void {
    this.isFirstArrival = ((id0 ^ id1 ^ id2 ^ id3) & 1) === 0
    this.lateMs = Math.max(0, eventMs - BASE_MS) * (this.isFirstArrival ? 1 : 1_000_000)
  }
}

function describeReject({ bytes, ...reject }: Reject): string {
  return `${JSON.stringify(reject)} ${bytes.toString('hex')}`
}

/** Writes the frames by both writers; fails unless rejects and rows are equal. Returns them. */
async function both(
  frames: readonly LogFrame[],
  options: GateOptions = GATE_OPTIONS,
): Promise<{ rejects: readonly Reject[]; rows: Record<string, unknown>[] }> {
  const fast = await openRawRowWriter(connection, 'memory.main.fast', options)
  const safe = await ReferenceRowWriter.open(connection, 'memory.main.safe', options)
  const rejects: Reject[] = []
  const safeRejects: Reject[] = []
  let seq = 100
  for (const frame of frames) {
    const taken = fast.appendFrame(frame, new TestTracker(), seq, (one) => rejects.push(one))
    const safely = safe.appendFrame(frame, new TestTracker(), seq, (one) => safeRejects.push(one))
    expect(taken).toBe(safely)
    seq += taken
  }
  expect(rejects.map(describeReject)).toEqual(safeRejects.map(describeReject))
  fast.flush()
  await safe.flush()
  const difference = await connection.all(
    '(SELECT * FROM fast EXCEPT ALL SELECT * FROM safe) UNION ALL (SELECT * FROM safe EXCEPT ALL SELECT * FROM fast)',
  )
  expect(difference.rows).toEqual([])
  fast.close()
  const { rows } = await connection.all('SELECT * FROM fast ORDER BY seq')
  expect(rows).toHaveLength(seq - 100)
  return { rejects, rows }
}

test('an event has the same values in the table, together with its source', async () => {
  const event: Event = {
    ...goodEvent(seeded(3)),
    event_type: 'purchase',
    sent_ts: null,
    consent: true,
    page_title: 'exactly 12 b',
    page_url: 'thirteen byte',
    geo_city: 'Ünïcödé 日本 🛒 over twelve',
    coupon: '',
    discount_minor: 1_000_000_000_000,
  }
  const { rows } = await both([
    makeFrame([encodeRecord(event)], 9_000_000_000, 'events.of.a.longer.name'),
  ])
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  expect(rows).toEqual([
    {
      ...event,
      event_ts: iso(event.event_ts),
      received_ts: iso(event.received_ts),
      topic: 'events.of.a.longer.name',
      partition: 0,
      offset: 9_000_000_000,
      ingest_time: iso(BASE_MS + 600_000),
      late_ms: rows[0]?.late_ms,
      seq: 100,
      fresh: rows[0]?.fresh,
    },
  ])
})

for (const seed of selectShare([1, 2, 3], 3))
  test(`valid, invalid and damaged records give equal rows in frames of any size, seed ${seed}`, async () => {
    const random = seeded(seed)
    const frames: LogFrame[] = []
    for (let offset = 0; offset < 6000; ) {
      const count = 1 + randomBelow(random, random() < 0.2 ? 3000 : 200)
      const records = Array.from({ length: count }, (_, i) => anyRecord(random, offset + i))
      frames.push(makeFrame(records, offset))
      offset += count
    }
    const { rejects, rows } = await both(frames)
    expect(rows.length).toBeGreaterThan(1000)
    expect(rejects.length).toBeGreaterThan(1000)
    const bodies = new Map(frames.map((frame) => [frame.baseOffset, frame]))
    for (const { offset, bytes } of rejects.slice(0, 50)) {
      const frame = [...bodies.values()].findLast((one) => one.baseOffset <= offset)
      expect(frame?.body.includes(bytes)).toBe(true)
    }
  })

test('orders of 200 lines fill the buffer of lines before the buffer of rows', async () => {
  const random = seeded(8)
  const line = goodEvent(random).items[0] as Event['items'][number] // it has one
  const items = Array.from({ length: 200 }, (_, i) => ({ ...line, quantity: i + 1 }))
  const records = Array.from({ length: 300 }, (_, i) =>
    encodeRecord({ ...goodEvent(random, i), items }),
  )
  const { rows } = await both([makeFrame(records)])
  expect(rows).toHaveLength(300)
})

const edit = (
  change: (schema: { fields: Record<string, unknown>[] } & Record<string, unknown>) => void,
) => {
  const schema = JSON.parse(RAW_SCHEMA)
  change(schema)
  return JSON.stringify(schema)
}

/** Versions of the contract that a shop might have had, the newest last. */
const VERSIONS = [
  // Fewer fields.
  edit((schema) => {
    const gone = ['consent', 'coupon', 'items', 'refund_minor']
    schema.fields = schema.fields.filter((field) => !gone.includes(String(field.name)))
    delete schema.requires
  }),
  // Another order, narrower types, fewer symbols, fields that have been removed.
  edit((schema) => {
    schema.fields.reverse()
    for (const field of schema.fields) {
      if (field.name === 'tax_minor') field.type = ['null', 'int']
      if (field.name === 'device')
        field.type = { type: 'enum', name: 'Device', symbols: ['tablet', 'bot', 'mobile'] }
    }
    schema.fields.push({ name: 'note', type: ['null', 'string'], default: null })
    schema.fields.push({ name: 'rank', type: 'int', default: 0 })
  }),
  // The compiled decoder does not support it: read by avsc.
  edit((schema) => {
    schema.fields.push({ name: 'props', type: { type: 'map', values: 'string' }, default: {} })
  }),
  // A symbol that the newest version does not know: unreadable.
  edit((schema) => {
    for (const field of schema.fields)
      if (field.name === 'device')
        field.type = {
          type: 'enum',
          name: 'Device',
          symbols: ['desktop', 'mobile', 'tablet', 'bot', 'watch'],
        }
  }),
  RAW_SCHEMA,
]

test('records of older versions are read with the newest, compiled or not', async () => {
  const random = seeded(9)
  const schemas = VERSIONS.map((schema, i) => registeredSchema(schema, i + 1))
  const types = VERSIONS.map((schema) =>
    avro.Type.forSchema(JSON.parse(schema), { logicalTypes: {} }),
  )
  const records = Array.from({ length: 4000 }, (_, i) => {
    const event = goodEvent(random, i)
    const version = randomBelow(random, VERSIONS.length)
    const old = { note: 'Nöte', rank: 5, props: { a: '1' } }
    const device = version === 1 && event.device === 'desktop' ? 'bot' : event.device
    const bytes = types[version]?.toBuffer({ ...event, ...old, device }) ?? Buffer.alloc(0)
    const record = Buffer.concat([Buffer.from([0, 0, 0, 0, version + 1]), bytes])
    return random() < 0.2 ? damageBytes(random, record) : record
  })
  const frames = [makeFrame(records.slice(0, 1500)), makeFrame(records.slice(1500), 1500)]
  const { rejects, rows } = await both(frames, { ...GATE_OPTIONS, schemas })
  expect(rows.length).toBeGreaterThan(2000)
  expect(rejects.find((one) => one.schemaId === 4)?.message).toMatch(
    /Schema 4 cannot be read by schema 5/,
  )
})

test('rows stay right when the table changes and the compiled gate is reused', async () => {
  const options = { ...GATE_OPTIONS }
  const tracker = new TestTracker()
  const tables = ['one', 'two', 'three']
  const opened: RawRowWriter[] = []
  for (const [i, table] of tables.entries()) {
    const rows = await openRawRowWriter(connection, `memory.main.${table}`, options)
    opened.push(rows)
    const random = seeded(i)
    const events = Array.from({ length: 100 }, (_, n) => goodEvent(random, n))
    expect(rows.appendFrame(makeFrame(events.map(encodeRecord)), tracker, 0, unexpected)).toBe(100)
    // The first two are open at once; the third takes the gate of the first.
    if (i === 1) opened[0]?.close()
    if (i !== 1) rows.flush()
    const ids = await connection.all(`SELECT event_id FROM ${table} ORDER BY seq`)
    if (i !== 1) expect(ids.rows).toEqual(events.map(({ event_id }) => ({ event_id })))
  }
  for (const rows of opened) rows.close()
  const { rows } = await connection.all(
    'SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM two',
  )
  expect(rows).toEqual([{ n: 100, ids: 100 }])
})

test('a frame that declares more records than it holds is an error', async () => {
  const rows = await openRawRowWriter(connection, 'memory.main.cut', GATE_OPTIONS)
  const frame = { ...makeFrame([encodeRecord(goodEvent(seeded(1)))]), count: 2 }
  expect(() => rows.appendFrame(frame, new TestTracker(), 0, unexpected)).toThrow(
    /declares more records than it holds/,
  )
  rows.close()
})

/** A field of each type that events can have, with random values; `i` makes its name unique. */
const WIDE_TYPES: readonly {
  readonly type: (i: number) => unknown
  readonly value: (random: Random) => unknown
}[] = [
  { type: () => 'string', value: (random) => 'é'.repeat(randomBelow(random, 20)) },
  { type: () => ['null', 'string'], value: (random) => (random() < 0.5 ? null : 'over 12 bytes') },
  { type: () => 'boolean', value: (random) => random() < 0.5 },
  { type: () => ['int', 'null'], value: (random) => randomBelow(random, 2 ** 31) },
  { type: () => 'long', value: (random) => randomBelow(random, 2 ** 52) - 2 ** 51 },
  { type: () => 'float', value: (random) => Math.fround(random()) },
  { type: () => ['null', 'double'], value: (random) => random() },
  { type: () => ['null', 'bytes'], value: (random) => Buffer.alloc(randomBelow(random, 30), 255) },
  {
    type: () => ['null', { type: 'long', logicalType: 'timestamp-millis' }],
    value: (random) => BASE_MS + randomBelow(random, 1e9),
  },
  {
    type: (i) => ({ type: 'enum', name: `Enum${i}`, symbols: ['a', 'b', 'c'] }),
    value: (random) => ['a', 'b', 'c'][randomBelow(random, 3)],
  },
]

/** The schema with this many additional fields, numbered from `from` on. */
function wideSchema(fields: number, from = 0): string {
  return edit((schema) => {
    for (let i = from; i < from + fields; i++)
      schema.fields.push({ name: `wide_${i}`, type: WIDE_TYPES[i % WIDE_TYPES.length]?.type(i) })
  })
}

/** Values of the first `fields` additional fields. */
function wideValues(random: Random, fields: number): Record<string, unknown> {
  return Object.fromEntries(
    Array.from({ length: fields }, (_, i) => [
      `wide_${i}`,
      WIDE_TYPES[i % WIDE_TYPES.length]?.value(random),
    ]),
  )
}

test('500 additional fields are columns, for whole records and damaged ones', async () => {
  const random = seeded(12)
  const schema = wideSchema(500)
  const type = avro.Type.forSchema(JSON.parse(schema), { logicalTypes: {} })
  const records = Array.from({ length: 250 }, (_, i) => {
    const bytes = type.toBuffer({ ...goodEvent(random, i), ...wideValues(random, 500) })
    const record = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), bytes])
    return random() < 0.2 ? damageBytes(random, record) : record
  })
  const { rejects, rows } = await both([makeFrame(records)], {
    ...GATE_OPTIONS,
    schemas: [registeredSchema(schema)],
  })
  expect(Object.keys(rows[0] ?? {}).length).toBeGreaterThan(530)
  expect(rows.length).toBeGreaterThan(150)
  expect(rejects.length).toBeGreaterThan(10)
})

test('500 removed fields are skipped, and 500 new ones get their defaults', async () => {
  const random = seeded(13)
  const old = wideSchema(500)
  const newest = edit((schema) => {
    for (let i = 500; i < 1000; i++) {
      const fields = [
        { type: ['null', 'string'], default: null },
        { type: 'long', default: -3 },
        { type: 'boolean', default: true },
        { type: ['null', { type: 'long', logicalType: 'timestamp-millis' }], default: null },
      ]
      schema.fields.push({ name: `wide_${i}`, ...fields[i % fields.length] })
    }
  })
  const type = avro.Type.forSchema(JSON.parse(old), { logicalTypes: {} })
  const records = Array.from({ length: 100 }, (_, i) => {
    const bytes = type.toBuffer({ ...goodEvent(random, i), ...wideValues(random, 500) })
    return Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), bytes])
  })
  const schemas = [registeredSchema(old), registeredSchema(newest, 2)]
  const { rejects, rows } = await both([makeFrame(records)], { ...GATE_OPTIONS, schemas })
  expect(rejects).toEqual([])
  expect(rows[0]).toMatchObject({ wide_500: null, wide_501: -3, wide_502: true, wide_503: null })
  expect(rows).toHaveLength(100)
})

test('items may have 500 fields, in orders of any length', async () => {
  const random = seeded(14)
  const schema = edit(({ fields }) => {
    // The schema's items are records in an array.
    const items = fields.find((field) => field.name === 'items') as {
      type: { items: { fields: unknown[] } }
    }
    const item = items.type.items
    for (let i = 0; i < 500; i++)
      item.fields.push({ name: `wide_${i}`, type: WIDE_TYPES[i % WIDE_TYPES.length]?.type(i) })
  })
  const type = avro.Type.forSchema(JSON.parse(schema), { logicalTypes: {} })
  const records = Array.from({ length: 12 }, (_, i) => {
    const event = goodEvent(random, i)
    const line = event.items[0] as Event['items'][number] // it has one
    const items = Array.from({ length: 1 + randomBelow(random, 8) }, () => ({
      ...line,
      ...wideValues(random, 500),
    }))
    const bytes = type.toBuffer({ ...event, items })
    return Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), bytes])
  })
  const options = { ...GATE_OPTIONS, recordBytesMax: 1 << 24, schemas: [registeredSchema(schema)] }
  const { rejects, rows } = await both([makeFrame(records)], options)
  expect(rejects).toEqual([])
  expect(rows).toHaveLength(12)
})

function unexpected({ message }: Reject): never {
  throw new Error(`unexpected reject: ${message}`)
}
