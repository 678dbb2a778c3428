import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compileEncoder } from '../../../cli/domain/avro/encoder.ts'
import { EVENT_TYPES, type Event } from '../../../cli/domain/events/contracts.ts'
import { correctEventTimeMs } from '../../../cli/domain/events/event-time.ts'
import { Gate } from '../../../cli/domain/gate/gate.ts'
import type { LogWriter } from '../../../cli/domain/log/event-log.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'
import { breakBytes, rejectReason } from '../../../cli/generate/broken-records.ts'
import { buildCatalogue } from '../../../cli/generate/catalogue.ts'
import { LogSink } from '../../../cli/generate/log-sink.ts'
import { Random } from '../../../cli/generate/random.ts'
import {
  createHistorySchedule,
  createLiveSchedule,
  type Schedule,
} from '../../../cli/generate/schedule.ts'
import { ShopDays } from '../../../cli/generate/shop-days.ts'
import { type Arrival, type FaultProfile, Simulation } from '../../../cli/generate/simulation.ts'
import { NO_FAULTS } from '../../fixtures/no-faults.ts'

const START_MS = Date.parse('2026-05-06T07:08:09.000Z')
const SCHEMA = readFileSync(new URL('../../../schemas/events.raw.avsc', import.meta.url), 'utf8')
const FAULTS: FaultProfile = {
  late: 0.05,
  duplicates: 0.05,
  disorder: 0.1,
  invalid: 0.02,
  skew: 0.1,
}

function arrivals(seed: number, schedule: Schedule, faultProfile = FAULTS): Arrival[] {
  const simulation = new Simulation({ seed, schedule, faultProfile })
  const all: Arrival[] = []
  for (let one = simulation.next(); one !== null; one = simulation.next()) {
    all.push({ ...one, event: { ...one.event } })
  }
  return all
}

/** Returns a run's bytes, partition by partition, as the log would hold them. */
async function bytesOf(seed: number, partitions: number, schedule: Schedule): Promise<Buffer[]> {
  const bytes: Buffer[][] = Array.from({ length: partitions }, () => [])
  const writers = bytes.map(
    (parts, partition): LogWriter => ({
      topic: 'events.raw',
      partition,
      append: async (batch) => {
        parts.push(Buffer.from(batch.body))
        return 0
      },
      close: async () => {},
    }),
  )
  const encode = compileEncoder<Event>(SCHEMA, 1)
  const sink = new LogSink({ writers, encode, seed, nowMs: () => START_MS })
  const simulation = new Simulation({ seed, schedule, faultProfile: FAULTS })
  let made = 0
  for (let one = simulation.next(); one !== null; one = simulation.next()) {
    sink.add(one)
    if (++made % 1000 === 0) await sink.flush()
  }
  await sink.drain()
  return bytes.map((parts) => Buffer.concat(parts))
}

const hash = (bytes: readonly Buffer[]) =>
  createHash('sha256').update(Buffer.concat(bytes)).digest('hex').slice(0, 16)
const live = (count: number, eps = 100) => createLiveSchedule(START_MS, eps, count)

describe('the generator', () => {
  it('gives the same bytes for the same seed, and different ones for another', async () => {
    const first = await bytesOf(1, 1, live(5000))
    expect(hash(first)).toBe('9fdc3b6fa9c5b412')
    expect(hash(await bytesOf(1, 1, live(5000)))).toBe(hash(first))
    expect(hash(await bytesOf(2, 1, live(5000)))).not.toBe(hash(first))
    const later = createLiveSchedule(START_MS + 1, 100, 5000)
    expect(hash(await bytesOf(1, 1, later))).not.toBe(hash(first))
  })

  it('keeps each visitor in one partition and loses nothing', async () => {
    const parts = await bytesOf(1, 3, live(3000))
    const whole = await bytesOf(1, 1, live(3000))
    const sum = parts.reduce((total, { length }) => total + length, 0)
    expect(sum).toBe(whole[0]?.length)
    for (const part of parts) expect(part.length).toBeGreaterThan(sum / 6)
  })

  it('meets the shares of faults', () => {
    const all = arrivals(3, live(60_000))
    const share = (test: (one: Arrival) => boolean) => all.filter(test).length / all.length
    expect(share((one) => one.isDuplicate)).toBeCloseTo(0.05, 2)
    expect(share((one) => one.broken !== null)).toBeCloseTo(0.02, 2)
    const isFresh = (one: Arrival) => !one.isDuplicate && one.broken === null
    expect(share((one) => isFresh(one) && one.dueMs - one.timeMs >= 10_000)).toBeCloseTo(0.05, 2)
    const isDisordered = (one: Arrival) => one.dueMs > one.timeMs && one.dueMs - one.timeMs < 5000
    expect(share((one) => isFresh(one) && isDisordered(one))).toBeCloseTo(0.1, 1)
    const isSkewed = ({ event }: Arrival) =>
      event.received_ts !== null && Math.abs(event.event_ts - event.received_ts) > 9000
    expect(
      share((one) => isFresh(one) && one.dueMs - one.timeMs < 5000 && isSkewed(one)),
    ).toBeCloseTo(0.085, 1)
  })

  it('sends no faults unless asked to', () => {
    const all = arrivals(4, live(20_000), NO_FAULTS)
    expect(all.every((one) => one.timeMs === one.dueMs && !one.isDuplicate && !one.broken)).toBe(
      true,
    )
    expect(new Set(all.map(({ event }) => event.event_id)).size).toBe(all.length)
    expect(all.filter(({ event, timeMs }) => corrected(event) !== timeMs)).toEqual([])
  })

  it('knows every event’s corrected time, whatever its clocks say', () => {
    const all = arrivals(5, live(40_000), { ...FAULTS, skew: 0.6 })
    const isWrong = ({ event, timeMs, dueMs, broken }: Arrival) =>
      timeMs > dueMs || (broken === null && corrected(event) !== timeMs)
    expect(all.filter(isWrong)).toEqual([])
  })

  it('sends a duplicate byte for byte, at once or minutes later', () => {
    const encode = compileEncoder<Event>(SCHEMA, 1)
    const batch = new RecordBatch()
    const bytes = (event: Event) => {
      batch.clear()
      encode(batch, event)
      return batch.body.toString('base64')
    }
    const seen = new Map<string, { bytes: string; dueMs: number }>()
    let later = 0
    const faults: string[] = []
    for (const { event, dueMs, isDuplicate, broken } of arrivals(6, live(30_000))) {
      if (broken !== null) continue
      const first = seen.get(event.event_id)
      if ((first !== undefined) !== isDuplicate) faults.push(event.event_id)
      if (first === undefined) seen.set(event.event_id, { bytes: bytes(event), dueMs })
      else {
        if (bytes(event) !== first.bytes) faults.push(event.event_id)
        if (dueMs - first.dueMs > 60_000) later++
      }
    }
    expect(faults).toEqual([])
    expect(later).toBeGreaterThan(100)
  })

  it('makes only valid events unless asked for broken ones', () => {
    const { requires } = JSON.parse(SCHEMA) as { requires: Record<keyof Event, string[]> }
    const rules = requires as Record<string, string[]>
    const types = new Set<string>()
    const faults: string[] = []
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    for (const { event, broken } of arrivals(7, live(60_000))) {
      if (broken !== null) continue
      types.add(event.event_type)
      if (!uuid.test(event.event_id)) faults.push(`id ${event.event_id}`)
      for (const either of rules[event.event_type] ?? []) {
        // A requirement is a field's name, or alternatives separated by |.
        const has = either.split('|').some((name) => isGiven(event[name as keyof Event]))
        if (!has) faults.push(`${event.event_type} without ${either}`)
      }
      for (const { sku, quantity, unit_price_minor, discount_minor } of event.items) {
        if (quantity < 1 || unit_price_minor * quantity < discount_minor)
          faults.push(`line of ${sku}`)
      }
      if (event.event_type !== 'purchase') continue
      const discount = event.items.reduce((sum, item) => sum + item.discount_minor, 0)
      if ((event.discount_minor ?? 0) !== discount) faults.push(`discount of ${event.order_id}`)
    }
    expect(faults).toEqual([])
    expect([...types].sort()).toEqual([...EVENT_TYPES].sort())
  })

  it('simulates returning visitors, logins, orders of several items, and bots', () => {
    const all = arrivals(8, live(60_000), NO_FAULTS)
    const share = (test: (event: Event) => boolean) =>
      all.filter(({ event }) => test(event)).length / all.length
    expect(share(({ event_type }) => event_type === 'page_view')).toBeGreaterThan(0.4)
    const orders = all.filter(({ event }) => event.event_type === 'purchase')
    expect(orders.length / all.length).toBeGreaterThan(0.004)
    expect(orders.some(({ event }) => event.items.length > 2)).toBe(true)
    const bots = all.filter(({ isBot }) => isBot)
    expect(bots.length / all.length).toBeGreaterThan(0.03)
    const pattern = /bot|Bot|crawl|spider|slurp|Headless/
    const looksLikeBot = (event: Event) =>
      event.device === 'bot' || pattern.test(event.user_agent ?? '')
    expect(all.filter(({ event, isBot }) => looksLikeBot(event) !== isBot)).toEqual([])
    const known = new Map<string, Set<string>>()
    for (const { event } of all) {
      if (event.customer_id === null) continue
      known.set(
        event.customer_id,
        (known.get(event.customer_id) ?? new Set()).add(event.anonymous_id),
      )
    }
    expect([...known.values()].some((devices) => devices.size > 1)).toBe(true)
    expect(new Set(all.map(({ event }) => event.currency)).size).toBeGreaterThan(3)
  })

  it('breaks records so that the gate rejects each for the expected reason', () => {
    const limits = { recordBytesMax: 1 << 20, futureToleranceMs: 3_600_000 }
    const gate = new Gate({
      schemas: [{ id: 1, subject: 'events.raw-value', version: 1, schema: SCHEMA }],
      ...limits,
    })
    const encode = compileEncoder<Event>(SCHEMA, 1)
    const random = new Random(9)
    const kinds = new Set<string>()
    const faults: string[] = []
    const batch = new RecordBatch()
    for (const { event, broken, dueMs } of arrivals(9, live(20_000), {
      ...FAULTS,
      invalid: 0.4,
    })) {
      batch.clear()
      encode(batch, event)
      const good = batch.body.subarray(4)
      const bytes = broken === null ? good : breakBytes(broken, good, random)
      const result = gate.validate(bytes, dueMs)
      const wanted = broken === null ? null : rejectReason(broken)
      if (!result.ok && result.reason !== wanted) faults.push(`${broken}: ${result.message}`)
      if (result.ok && wanted !== null) faults.push(`${broken} was let through`)
      if (broken !== null) kinds.add(broken)
    }
    expect(faults).toEqual([])
    expect(kinds.size).toBe(16)
  })

  it('spreads history over the shop’s day and night, in order and completely', () => {
    const fromMs = Date.parse('2026-03-01T00:00:00Z')
    const toMs = Date.parse('2026-03-04T00:00:00Z')
    const schedule = createHistorySchedule(
      { fromMs, toMs },
      20_000,
      new ShopDays('America/New_York'),
    )
    const times = Array.from({ length: schedule.count }, () => schedule.next())
    expect(times.every((ms, i) => ms >= (times[i - 1] ?? fromMs) && ms < toMs)).toBe(true)
    const inHour = (hour: number) =>
      times.filter((ms) => new Date(ms - 5 * 3_600_000).getUTCHours() === hour).length
    expect(inHour(20)).toBeGreaterThan(8 * inHour(4))
  })
})

function corrected(event: Event): number {
  return correctEventTimeMs(
    event.event_ts,
    event.sent_ts ?? Number.NaN,
    event.received_ts ?? Number.NaN,
  )
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== null
}

it('no two products share a SKU or a page', () => {
  for (const seed of [1, 7, 9]) {
    const { products } = buildCatalogue(new Random(seed))
    expect(new Set(products.map((one) => one.sku)).size).toBe(products.length)
    expect(new Set(products.map((one) => one.page.path)).size).toBe(products.length)
  }
})
