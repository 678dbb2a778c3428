/**
 * Thousands of records of each kind that no producer should send, between valid events. Each must
 * be in events.dlq once, with its reason and exact bytes, take little time, and not affect the
 * valid events.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event, Reason } from '../../cli/domain/events/contracts.ts'
import { Gate } from '../../cli/domain/gate/gate.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import {
  BASE_MS,
  encodeKeptRecord,
  GATE_OPTIONS,
  goodEvent,
  RAW_ID,
  RAW_SCHEMA,
  type Random,
  randomBelow,
  registeredSchema,
  seeded,
} from '../fixtures/gate-events.ts'
import { computeExpected, findFaults, readFound, recordsIn } from '../fixtures/pipeline-oracle.ts'
import { drain, makeRig, openRig, RAW, type Rig } from '../fixtures/pipeline-rig.ts'

const EACH = Number(process.env.CCS_POISON_EACH ?? 2_000)
/** How many records of 5 MB; 10,000 of them would take 50 GB. */
const LARGE = Number(process.env.CCS_POISON_LARGE ?? 12)
const LARGE_BYTES = 5 * 1024 * 1024
const MS_MAX = 50
const APPEND_MS = BASE_MS + 600_000
/** One valid event for so many invalid ones. */
const GOOD_EVERY = 5

interface Poison {
  readonly kind: string
  readonly reasons: readonly Reason[]
  readonly make: (random: Random, index: number) => Buffer
}

const header = (id: number) =>
  Buffer.from([0, ...[24, 16, 8, 0].map((shift) => (id >> shift) & 255)])
const noise = (random: Random, bytes: number) =>
  Buffer.from(Array.from({ length: bytes }, () => randomBelow(random, 256)))
const good = (random: Random, change: Partial<Event> = {}) =>
  encodeKeptRecord({ ...goodEvent(random), ...change })

/** A long in Avro's encoding: zigzag, seven bits per byte. */
function long(value: bigint): Buffer {
  const bytes: number[] = []
  for (let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)); ; left >>= 7n) {
    if (left < 128n) return Buffer.from([...bytes, Number(left)])
    bytes.push(Number(left & 127n) | 128)
  }
}

const ABSURD_MS = [
  0,
  -1,
  -62_135_596_800_000,
  1_764_000_000,
  253_402_300_799_999,
  8.64e15,
  2 ** 53 - 1,
]

const POISONS: readonly Poison[] = [
  {
    kind: 'random bytes',
    reasons: ['bad_magic', 'unknown_schema_id', 'undecodable'],
    make: (random) => noise(random, randomBelow(random, 300)),
  },
  {
    kind: 'wrong magic',
    reasons: ['bad_magic'],
    make: (random) => {
      const bytes = Buffer.from(good(random))
      bytes[0] = 1 + randomBelow(random, 255)
      return bytes
    },
  },
  {
    kind: 'unknown schema id',
    reasons: ['unknown_schema_id'],
    make: (random) =>
      Buffer.concat([header(1000 + randomBelow(random, 2 ** 31 - 1000)), good(random).subarray(5)]),
  },
  {
    kind: 'truncated',
    reasons: ['bad_magic', 'undecodable'],
    make: (random) => {
      const bytes = good(random)
      return bytes.subarray(0, randomBelow(random, bytes.length))
    },
  },
  {
    kind: 'trailing bytes',
    reasons: ['undecodable'],
    make: (random) => Buffer.concat([good(random), noise(random, 1 + randomBelow(random, 20))]),
  },
  {
    kind: 'array bomb',
    reasons: ['undecodable'],
    make: (random, index) => {
      const start = good(random, { event_type: 'page_view', items: [] }).subarray(0, -1)
      const count = 10n ** BigInt(3 + (index % 16))
      const block = index % 2 === 0 ? [long(count)] : [long(-count), long(count * 3n)]
      return Buffer.concat([start, ...block, Buffer.alloc(64)])
    },
  },
  {
    kind: 'deep nesting',
    reasons: ['bad_magic', 'undecodable'],
    make: (random, index) => {
      const depth = 200 + randomBelow(random, 1000)
      const text = Buffer.from('['.repeat(depth) + ']'.repeat(depth))
      return index % 2 === 0 ? Buffer.concat([header(RAW_ID), text]) : text
    },
  },
  {
    kind: 'invalid UTF-8',
    reasons: ['undecodable'],
    make: (random) => {
      const bytes = Buffer.from(good(random, { page: '/before/INVALID/after' }))
      const wrong = [
        [0xff],
        [0xc0, 0x80],
        [0xed, 0xa0, 0x80],
        [0xf5, 0x80, 0x80, 0x80],
        [0xe2, 0x82],
      ]
      bytes.set(wrong[randomBelow(random, wrong.length)] ?? [], bytes.indexOf('INVALID'))
      return bytes
    },
  },
  {
    kind: 'absurd timestamps',
    reasons: ['rule_violation', 'too_far_in_future'],
    make: (random) => {
      const event_ts = ABSURD_MS[randomBelow(random, ABSURD_MS.length)] ?? 0
      return good(random, { event_ts, sent_ts: null, received_ts: null })
    },
  },
  {
    kind: '__proto__',
    reasons: ['bad_magic', 'undecodable'],
    make: (random, index) => {
      const json = Buffer.from(`{"__proto__":{"isAdmin":${index}},"constructor":{"prototype":{}}}`)
      return random() < 0.5 ? Buffer.concat([header(RAW_ID), json]) : json
    },
  },
  {
    kind: '5 MB',
    reasons: ['too_large'],
    make: (random) => good(random, { page_url: 'x'.repeat(LARGE_BYTES) }),
  },
]

let dir: string
let rig: Rig

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-poison-'))
  rig = await makeRig(['bronze.events', 'silver.events'])
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** Time to validate the record: the least of a few tries, as the machine may be busy. */
function costMs(gate: Gate, bytes: Buffer): number {
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 3 && least > MS_MAX; attempt++) {
    const startMs = performance.now()
    gate.validate(bytes, APPEND_MS)
    least = Math.min(least, performance.now() - startMs)
  }
  return least
}

describe('malformed records', () => {
  test.each(POISONS)(
    '$kind: each goes to the DLQ with reason and bytes, and valid events pass',
    async ({ kind, reasons, make }) => {
      const root = join(dir, kind.replaceAll(' ', '-'))
      const count = kind === '5 MB' ? LARGE : EACH
      const random = seeded(13)
      const gate = new Gate({ ...GATE_OPTIONS, schemas: [registeredSchema(RAW_SCHEMA, RAW_ID)] })
      let slowestMs = 0
      const open = await openRig(rig, root)
      try {
        const writer = await open.store.log.writer(RAW, 0, 'test')
        const batch = new RecordBatch()
        let goods = 0
        for (let index = 0; index < count; index++) {
          const bytes = make(random, index)
          slowestMs = Math.max(slowestMs, costMs(gate, bytes))
          batch.add(bytes)
          if (index % GOOD_EVERY === 0) {
            goods++
            const page = goods % 2 === 0 ? '__proto__' : '/garden'
            batch.add(
              encodeKeptRecord({ ...goodEvent(random, goods), page, event_type: 'page_view' }),
            )
          }
          if (batch.bytes < 1_000_000 && index + 1 < count) continue
          await writer.append(batch, APPEND_MS)
          batch.clear()
        }
        await writer.close()
        await drain(open)
        const expected = await computeExpected(open.store.log, rig.logic.rawSchemas)
        const found = await readFound(root, rig.logic.dlqSchemas)
        expect(expected.good.size, 'good events').toBe(goods)
        expect(expected.bad.size, 'poison').toBe(count)
        expect(findFaults(expected, found)).toEqual([])
        const others = found.dlq.filter(({ reason }) => !reasons.some((one) => one === reason))
        expect(others.slice(0, 3)).toEqual([])
        expect((await recordsIn(open.store.log, RAW)).length).toBe(goods + count)
        expect(slowestMs).toBeLessThanOrEqual(MS_MAX)
        console.log(
          `${count} × ${kind}: slowest ${slowestMs.toFixed(1)} ms, ${goods} good events passed`,
        )
      } finally {
        await open.close()
        await rm(root, { recursive: true, force: true })
      }
    },
  )
})
