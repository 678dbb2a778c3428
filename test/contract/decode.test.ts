/**
 * The fast way into DuckDB (compiled decoder, vectors) and the safe way (avsc, public API) give the same
 * rows and the same rejects for any bytes.
 */
import avro from 'avsc'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Event } from '../../cli/core/contracts.ts'
import type { GateOptions } from '../../cli/core/gate.ts'
import type { LogFrame, Reject } from '../../cli/core/ports.ts'
import { SafeRows } from '../../cli/engines/embedded/decode-safe.ts'
import { openRawRows, type RawRows, type RowJudge } from '../../cli/engines/embedded/raw-rows.ts'
import { type Duck, type DuckConnection, openDuck } from '../../cli/io/duckdb.ts'
import {
  anyRecord,
  BASE_MS,
  below,
  damaged,
  frameOf,
  GATE,
  goodEvent,
  RAW_SCHEMA,
  recordOf,
  registered,
  seeded,
} from '../fixtures/gate-events.ts'

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

/** Fresh and late by arbitrary rules that depend on all that a judge is told. */
class TestJudge implements RowJudge {
  lateMs = 0
  isFresh = true

  accept(id0: number, id1: number, id2: number, id3: number, eventMs: number): void {
    this.isFresh = ((id0 ^ id1 ^ id2 ^ id3) & 1) === 0
    this.lateMs = Math.max(0, eventMs - BASE_MS) * (this.isFresh ? 1 : 1_000_000)
  }
}

function told({ bytes, ...reject }: Reject): string {
  return `${JSON.stringify(reject)} ${bytes.toString('hex')}`
}

/** Takes the frames both ways; fails unless rejects and rows are the same. Returns both. */
async function both(
  frames: readonly LogFrame[],
  options: GateOptions = GATE,
): Promise<{ rejects: readonly Reject[]; rows: Record<string, unknown>[] }> {
  const fast = await openRawRows(connection, 'memory.main.fast', options)
  const safe = await SafeRows.open(connection, 'memory.main.safe', options)
  const rejects: Reject[] = []
  const safeRejects: Reject[] = []
  let seq = 100
  for (const frame of frames) {
    const taken = fast.appendFrame(frame, new TestJudge(), seq, (one) => rejects.push(one))
    const safely = safe.appendFrame(frame, new TestJudge(), seq, (one) => safeRejects.push(one))
    expect(taken).toBe(safely)
    seq += taken
  }
  expect(rejects.map(told)).toEqual(safeRejects.map(told))
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

test('an event comes out of the table as it went in, with where it came from', async () => {
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
    frameOf([recordOf(event)], 9_000_000_000, 'events.of.a.longer.name'),
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

for (const seed of [1, 2, 3])
  test(`good, broken and damaged records in frames of any size, seed ${seed}`, async () => {
    const random = seeded(seed)
    const frames: LogFrame[] = []
    for (let offset = 0; offset < 6000; ) {
      const count = 1 + below(random, random() < 0.2 ? 3000 : 200)
      const records = Array.from({ length: count }, (_, i) => anyRecord(random, offset + i))
      frames.push(frameOf(records, offset))
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

test('orders of 200 lines fill the chunk of lines before that of rows', async () => {
  const random = seeded(8)
  const line = goodEvent(random).items[0] as Event['items'][number] // it has one
  const items = Array.from({ length: 200 }, (_, i) => ({ ...line, quantity: i + 1 }))
  const records = Array.from({ length: 300 }, (_, i) =>
    recordOf({ ...goodEvent(random, i), items }),
  )
  const { rows } = await both([frameOf(records)])
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
  // Another order, narrower types, fewer symbols, fields that are no more.
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
  // Beyond the compiled decoder: read by avsc.
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

test('records of older versions are read by the newest, compiled or not', async () => {
  const random = seeded(9)
  const schemas = VERSIONS.map((schema, i) => registered(schema, i + 1))
  const types = VERSIONS.map((schema) =>
    avro.Type.forSchema(JSON.parse(schema), { logicalTypes: {} }),
  )
  const records = Array.from({ length: 4000 }, (_, i) => {
    const event = goodEvent(random, i)
    const version = below(random, VERSIONS.length)
    const old = { note: 'Nöte', rank: 5, props: { a: '1' } }
    const device = version === 1 && event.device === 'desktop' ? 'bot' : event.device
    const bytes = types[version]?.toBuffer({ ...event, ...old, device }) ?? Buffer.alloc(0)
    const record = Buffer.concat([Buffer.from([0, 0, 0, 0, version + 1]), bytes])
    return random() < 0.2 ? damaged(random, record) : record
  })
  const frames = [frameOf(records.slice(0, 1500)), frameOf(records.slice(1500), 1500)]
  const { rejects, rows } = await both(frames, { ...GATE, schemas })
  expect(rows.length).toBeGreaterThan(2000)
  expect(rejects.find((one) => one.schemaId === 4)?.message).toMatch(
    /Schema 4 cannot be read by schema 5/,
  )
})

test('rows stay right when the table changes and the compiled gate is used again', async () => {
  const options = { ...GATE }
  const judge = new TestJudge()
  const tables = ['one', 'two', 'three']
  const opened: RawRows[] = []
  for (const [i, table] of tables.entries()) {
    const rows = await openRawRows(connection, `memory.main.${table}`, options)
    opened.push(rows)
    const random = seeded(i)
    const events = Array.from({ length: 100 }, (_, n) => goodEvent(random, n))
    expect(rows.appendFrame(frameOf(events.map(recordOf)), judge, 0, expect.fail)).toBe(100)
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

test('a frame that claims more records than it holds is reported, not read beyond', async () => {
  const rows = await openRawRows(connection, 'memory.main.cut', GATE)
  const frame = { ...frameOf([recordOf(goodEvent(seeded(1)))]), count: 2 }
  expect(() => rows.appendFrame(frame, new TestJudge(), 0, expect.fail)).toThrow(
    /says more records than it holds/,
  )
  rows.close()
})
