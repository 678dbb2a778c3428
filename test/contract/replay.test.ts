/**
 * Replays of rejects: each is sent once, wherever a replay was interrupted and whoever else writes,
 * and never in an endless circle.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import { ReplayLedger } from '../../cli/domain/dlq/replay-ledger.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import type { Clock } from '../../cli/domain/kernel/clock.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { RAW_ID } from '../fixtures/gate-events.ts'
import { makeRig, RAW, type Rig } from '../fixtures/pipeline-rig.ts'
import { failAppendAt, ReplayShop, START_MS, sharedLog } from '../fixtures/replay-shop.ts'

const CLOCK: Clock = { ...systemClock(), nowMs: () => START_MS, sleep: async () => {} }

let rig: Rig
let root: string
let shop: ReplayShop

beforeAll(async () => {
  rig = await makeRig(['bronze.events'])
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-replay-'))
  shop = new ReplayShop(rig, root)
})
afterEach(() => rm(root, { recursive: true, force: true }))

const ids = (events: readonly Event[]) => events.map(({ event_id }) => event_id).sort()

/** Rejects seven empty carts, newest first. */
async function sevenCarts(): Promise<readonly Event[]> {
  const carts = [6, 5, 4, 3, 2, 1, 0].map((minute) => shop.emptyCart(minute))
  await shop.reject(carts.map((cart) => ({ bytes: shop.encode(cart) })))
  return carts
}

test('patched rejects that pass are sent once, in order of event time', async () => {
  const carts = await sevenCarts()
  await shop.reject([
    { bytes: Buffer.from('not avro'), reason: 'bad_magic', message: 'no', offset: 90 },
    { bytes: shop.encode(shop.event(3, { anonymous_id: '' })), message: 'nobody', offset: 91 },
  ])
  const result = await shop.replay()
  expect(result).toMatchObject({ selected: 9, passed: 7, replayed: 7, rejected: 2, refused: 0 })
  expect(result.reasons).toEqual({ bad_magic: 1, rule_violation: 1 })
  const sent = await shop.replayed()
  expect(ids(sent)).toEqual(ids(carts))
  expect(sent.map(({ event_ts }) => event_ts)).toEqual(
    [0, 1, 2, 3, 4, 5, 6].map((minute) => START_MS + minute * 60_000),
  )
  expect(sent.flatMap(({ items }) => items.map(({ quantity }) => quantity))).toEqual(
    Array(7).fill(1),
  )
  expect(await shop.replay()).toMatchObject({ selected: 9, replayedBefore: 7, replayed: 0 })
  expect(await shop.rejects()).toHaveLength(9)
  expect(await shop.replayed()).toHaveLength(7)
})

test('a dry run reports the outcome and writes nothing', async () => {
  await sevenCarts()
  const result = await shop.replay({ isDryRun: true })
  expect(result).toMatchObject({ isDryRun: true, passed: 7, replayed: 0 })
  expect(result.samples[0]).toMatchObject({
    reject: '0:0',
    before: { items: [{ quantity: 0 }] },
    after: { items: [{ quantity: 1 }] },
  })
  const log = shop.log()
  expect(await log.partitions(RAW)).toEqual([])
  expect(await log.partitions('ccs.replays')).toEqual([])
  await log.close()
})

test('unassigned values stay unchanged, also beyond 2^53', async () => {
  const cart = { ...shop.emptyCart(1), refund_minor: 999_999_999_999, page: "it's \\ ünï\n" }
  await shop.reject([{ bytes: shop.encode(cart) }])
  await shop.replay({ patch: 'items.quantity = 2, items.discount_minor = discount_minor + 1' })
  const items = cart.items.map((item) => ({ ...item, quantity: 2, discount_minor: 1 }))
  expect(await shop.replayed()).toEqual([{ ...cart, items }])
})

test('an expression that fails on one record does not affect others', async () => {
  const good = { ...shop.emptyCart(1), geo_city: '7' }
  const bad = { ...shop.emptyCart(2), geo_city: 'Ulm' }
  await shop.reject([{ bytes: shop.encode(good) }, { bytes: shop.encode(bad) }])
  const result = await shop.replay({ patch: 'quantity = CAST(geo_city AS INTEGER)' })
  expect(result).toMatchObject({ replayed: 1, reasons: { patch_failed: 1 } })
  expect(result.failures[0]?.message).toContain("Could not convert string 'Ulm' to INT32")
  expect(ids(await shop.replayed())).toEqual([good.event_id])
})

test('a value that the field cannot hold is a reject, not an error', async () => {
  await sevenCarts()
  const patch = "quantity = 1, event_type = 'buy'"
  expect(await shop.replay({ patch })).toMatchObject({ reasons: { wrong_type: 7 }, replayed: 0 })
  const nobody = 'quantity = 1, anonymous_id = NULL'
  expect(await shop.replay({ patch: nobody })).toMatchObject({ reasons: { missing_field: 7 } })
})

test('faults of a patch are reported with places before anything is written', async () => {
  await sevenCarts()
  const fault = (patch: string, where?: string) =>
    shop.replay({ patch, ...(where === undefined ? {} : { where }) }).catch((error) => error)
  expect(await fault('quantity = 1,\n  page = pge')).toMatchObject({
    code: 'CCS_QUERY_INVALID',
    location: { file: '--patch', line: 2, column: 10 },
  })
  expect(await fault('quantity = 1', 'reason = resaon')).toMatchObject({
    code: 'CCS_QUERY_INVALID',
    location: { file: '--where', line: 1, column: 10 },
  })
  expect(await fault("page = (SELECT content FROM read_text('/etc/hostname'))")).toMatchObject({
    message: expect.stringContaining('disabled by configuration'),
  })
  expect(await shop.replayed()).toEqual([])
})

test('fingerprints, positions, reasons and conditions select; --limit stops', async () => {
  const carts = await sevenCarts()
  expect(await shop.replay({}, { refs: ['0:3', '5'] })).toMatchObject({ selected: 2, replayed: 2 })
  expect(await shop.replay({}, { reason: 'bad_magic' })).toMatchObject({ selected: 0 })
  const where = `"offset" = 0 AND first_seen > event_ts AND items[1].quantity = 0`
  expect(await shop.replay({ where })).toMatchObject({ selected: 1, replayed: 1 })
  expect(await shop.replay({}, { limit: 2 })).toMatchObject({ replayed: 2, replayedBefore: 1 })
  expect(await shop.replay({}, { refs: ['f0000000'] })).toMatchObject({ selected: 0 })
  expect(await shop.replay()).toMatchObject({ selected: 7, replayed: 2, replayedBefore: 5 })
  expect(ids(await shop.replayed())).toEqual(ids(carts))
})

test('bytes of an unknown schema are read only with a schema that the user names', async () => {
  const event = shop.event(1)
  const bytes = shop.encode(event)
  bytes.writeInt32BE(77, 1)
  const reason = 'unknown_schema_id'
  await shop.reject([
    { bytes, reason, schemaId: 77 },
    { bytes: bytes.subarray(5), reason: 'bad_magic', schemaId: null, offset: 1 },
  ])
  expect(await shop.replay()).toMatchObject({ replayed: 0, reasons: { [reason]: 1, bad_magic: 1 } })
  expect(await shop.replay({ patch: 'page = page', asSchema: RAW_ID })).toMatchObject({
    replayed: 2,
  })
  expect(await shop.replayed()).toEqual([event, event])
  await expect(shop.replay({ asSchema: 3 })).rejects.toMatchObject({ code: 'CCS_USAGE_INVALID' })
})

describe('a replay that is interrupted', () => {
  // Three appends, each between an announcement and an outcome.
  const cuts = Array.from({ length: 9 }, (_, index) => index + 1)
  const at = cuts.flatMap((cut) => [
    { cut, when: 'before' as const },
    { cut, when: 'after' as const },
  ])

  test.each(at)('$when append $cut continues there and sends nothing twice', async (one) => {
    const carts = await sevenCarts()
    const log = shop.log()
    const failing = { log: failAppendAt(log, one.cut, one.when), chunkEvents: 3 }
    await expect(shop.replay(failing)).rejects.toThrow('cut')
    await log.close()
    // Another record arrives meanwhile, so that the topic's end alone would not show what was sent.
    await shop.reject([{ bytes: shop.encode(shop.emptyCart(30)), offset: 500 }])
    await shop.replay({ chunkEvents: 1 }, { refs: ['0:7'] })
    const rest = await shop.replay({ chunkEvents: 2 })
    expect(rest.replayed + rest.replayedBefore).toBe(8)
    const sent = await shop.replayed()
    expect(sent).toHaveLength(8)
    expect(ids(sent.filter(({ event_ts }) => event_ts < START_MS + 600_000))).toEqual(ids(carts))
  })

  // Every second call of three appends events; the ledger's appends have one record each.
  const halfway = [2, 5].map((cut) => ({ cut, when: 'halfway' as const }))

  test.each([...at, ...halfway])(
    '$when append $cut does the same on a log with other writers',
    async ({ cut, when }) => {
      const carts = await sevenCarts()
      const log = shop.log()
      const shared = sharedLog(log)
      let nowMs = START_MS + 86_400_000
      const clock: Clock = {
        ...systemClock(),
        nowMs: () => nowMs,
        sleep: async (ms) => {
          nowMs += ms
        },
      }
      const writer = await shared.writer(RAW, 0, 'a shop')
      const others = [shop.event(20), shop.event(21)].map((event) => shop.encode(event))
      await writer.append(RecordBatch.of(others), nowMs)
      const on = { clock, isShared: true }
      const failing = { ...on, log: failAppendAt(shared, cut, when), chunkEvents: 3 }
      await expect(shop.replay(failing)).rejects.toThrow('cut')
      await writer.append(RecordBatch.of(others), nowMs)
      await shop.replay({ ...on, log: shared, chunkEvents: 2 })
      const sent = await shop.replayed(0, log)
      expect(ids(sent.filter(({ event_ts }) => event_ts < START_MS + 600_000))).toEqual(ids(carts))
      await log.close()
    },
  )
})

test('two replays at once send each reject once, with or without a lock', async () => {
  const carts = await sevenCarts()
  const log = shop.log()
  const held = await log.writer('ccs.replays', 0, 'ccs dlq replay')
  await expect(shop.replay({ log })).rejects.toMatchObject({ code: 'CCS_LOG_LOCKED' })
  await held.close()
  const shared = sharedLog(log)
  const both = await Promise.allSettled([
    shop.replay({ log: shared, chunkEvents: 1 }),
    shop.replay({ log: shared, chunkEvents: 1 }),
  ])
  for (const one of both)
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CCS_LOG_LOCKED' })
  await shop.replay({ log: shared })
  expect(ids(await shop.replayed(1024, log))).toEqual(ids(carts))
  await log.close()
})

test('what another replay sent meanwhile is not sent again', async () => {
  await sevenCarts()
  const log = shop.log()
  const options = { log: sharedLog(log), clock: CLOCK, graceMs: 0 }
  const [one, other] = [
    await ReplayLedger.open(options, 'one'),
    await ReplayLedger.open(options, 'other'),
  ]
  const record = { partition: 0, offset: 3, hash: 'of its bytes', replayCount: 1 }
  expect([one, other].map((each) => each.isReplayed(record))).toEqual([false, false])
  await one.recordOutcome(await one.announce(RAW, 1024, [record], 0), 'all')
  await expect(other.announce(RAW, 1024, [record], 0)).rejects.toMatchObject({
    code: 'CCS_LOG_LOCKED',
  })
  expect(other.isReplayed(record)).toBe(true)
  const next = { ...record, offset: 4 }
  await other.recordOutcome(await other.announce(RAW, 1024, [next], 0), 'all')
  await log.close()
})

test('a signal lets the current append finish; the same command continues', async () => {
  const carts = await sevenCarts()
  const stop = new AbortController()
  const onAppended = () => stop.abort()
  const first = await shop.replay({ chunkEvents: 2, onAppended }, { signal: stop.signal })
  expect(first).toMatchObject({ isStopped: true, passed: 7, replayed: 2 })
  expect(await shop.replay()).toMatchObject({ isStopped: false, replayed: 5, replayedBefore: 2 })
  expect(ids(await shop.replayed())).toEqual(ids(carts))
})

test('a replayed reject names its origin and is replayed only a few times', async () => {
  await shop.reject([{ bytes: shop.encode(shop.emptyCart(1)) }])
  for (const times of [1, 2, 3]) {
    expect(await shop.replay()).toMatchObject({ replayed: 1, refused: 0 })
    const log = shop.log()
    const { end } = await log.range(RAW, 1024)
    const [event] = (await shop.replayed(1024, log)).slice(-1)
    // An engine with stricter rules.
    if (event)
      await shop.reject([{ bytes: shop.encode(event), partition: 1024, offset: end - 1 }], log)
    await log.close()
    const last = (await shop.rejects()).at(-1)
    expect(last?.origin).toBe(`replay ${times} of events.dlq-0:${times - 1}`)
  }
  expect(await shop.replay()).toMatchObject({ replayed: 0, replayedBefore: 3, refused: 1 })
  expect(await shop.replayed()).toHaveLength(3)
})

test('a replay of older events uses another partition, where they are on time', async () => {
  const [late, early] = [shop.emptyCart(600), shop.emptyCart(1)]
  await shop.reject([{ bytes: shop.encode(late) }, { bytes: shop.encode(early) }])
  await shop.replay({}, { refs: ['0:0'] })
  await shop.replay({}, { refs: ['0:1'] })
  expect(ids(await shop.replayed(1024))).toEqual(ids([late, early]))
  expect(ids(await shop.replayed(1025))).toEqual([early.event_id])
})
