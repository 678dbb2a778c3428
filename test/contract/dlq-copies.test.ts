/**
 * A record that both engine and gate rejected is one reject to every reader of events.dlq: counted
 * once and replayed once, whichever of the two was sent and whenever the other arrived.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import { DlqTally } from '../../cli/domain/dlq/dlq-tally.ts'
import { listRejects } from '../../cli/domain/dlq/list-rejects.ts'
import { ReplayLedger } from '../../cli/domain/dlq/replay-ledger.ts'
import { showReject } from '../../cli/domain/dlq/show-reject.ts'
import type { RejectedEvent } from '../../cli/domain/events/contracts.ts'
import { compileRejectCodec } from '../../cli/domain/gate/reject-codec.ts'
import type { EventLog } from '../../cli/domain/log/event-log.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { DLQ_TOPIC } from '../../cli/domain/log/topics.ts'
import { makeRig, RAW, type Rig } from '../fixtures/pipeline-rig.ts'
import { ReplayShop, START_MS, sharedLog } from '../fixtures/replay-shop.ts'

let rig: Rig
let root: string
let shop: ReplayShop
let log: EventLog

beforeAll(async () => {
  rig = await makeRig(['bronze.events'])
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-copies-'))
  shop = new ReplayShop(rig, root)
  // As on Kafka: topics have an identity and several writers.
  log = { ...sharedLog(shop.log()), identity: async () => 'the first' }
})
afterEach(async () => {
  await log.close()
  await rm(root, { recursive: true, force: true })
})

const ENGINE = 0
const GATE = 1
const source = { topic: RAW, partition: 0 }

async function reject(
  writer: number,
  bytes: Buffer,
  offset: number,
  changes: Partial<RejectedEvent> = {},
): Promise<void> {
  const batch = new RecordBatch()
  compileRejectCodec(rig.logic.dlqSchemas).encode(batch, {
    ...{ reason: 'rule_violation', message: 'items[0].quantity is 0; the least allowed is 1.' },
    ...{ ...source, offset, first_seen: START_MS, schema_id: 1, origin: null, model: null },
    ...{ bytes, ...changes },
  })
  await (await log.writer(DLQ_TOPIC, writer, 'test')).append(batch, START_MS)
}

async function parts() {
  const { decode } = compileRejectCodec(rig.logic.dlqSchemas)
  const ledger = ReplayLedger.openReadOnly({ log, clock: systemClock(), graceMs: 0 })
  await ledger.refresh()
  return { log, decode, ledger }
}

async function list(options: { readonly reason?: string } = {}) {
  const { total, groups } = await listRejects(await parts(), { onProgress: () => {}, ...options })
  return { total, replayed: groups.reduce((sum, one) => sum + one.replayed, 0) }
}

const carts = (count: number) =>
  Array.from({ length: count }, (_, minute) => shop.encode(shop.emptyCart(minute)))

const replay = (refs: readonly string[] = []) => shop.replay({ log, isShared: true }, { refs })

async function sent(): Promise<number> {
  return (await log.range(RAW, 0)).end
}

beforeEach(async () => {
  // The partition that events return to.
  await (await log.writer(RAW, 0, 'shop')).append(RecordBatch.of([Buffer.from('old')]), START_MS)
})

test('a record that engine and gate rejected is listed and replayed once', async () => {
  const [both, engine, gate] = carts(3)
  if (!both || !engine || !gate) throw new Error('three were made')
  await reject(ENGINE, both, 0)
  await reject(ENGINE, engine, 1)
  await reject(GATE, both, 0)
  await reject(GATE, gate, 2)
  expect(await list()).toEqual({ total: 3, replayed: 0 })
  expect(await replay()).toMatchObject({ selected: 3, passed: 3, replayed: 3 })
  expect(await sent()).toBe(1 + 3)
  expect(await replay()).toMatchObject({ selected: 3, replayedBefore: 3, replayed: 0 })
  expect(await list()).toEqual({ total: 3, replayed: 3 })
})

test.each([
  [ENGINE, GATE],
  [GATE, ENGINE],
])(
  'replaying a reject in partition %i counts for its duplicate in partition %i',
  async (first, second) => {
    const [early, late] = carts(2)
    if (!early || !late) throw new Error('two were made')
    await reject(first, early, 0)
    await reject(second, early, 0)
    await reject(first, late, 1)
    // A position given by the user counts, even if it is the second of two.
    expect(await replay([`${second}:0`])).toMatchObject({ selected: 1, replayed: 1 })
    expect(await replay([`${first}:1`])).toMatchObject({ selected: 1, replayed: 1 })
    await reject(second, late, 1)
    expect(await replay()).toMatchObject({ selected: 2, replayedBefore: 2, replayed: 0 })
    expect(await sent()).toBe(1 + 2)
    expect(await list()).toEqual({ total: 2, replayed: 2 })
    const none = async () => undefined
    for (const offset of [0, 1])
      for (const partition of [first, second])
        expect(
          await showReject(
            { ...(await parts()), decodeByAnySchema: none, decodeBeginning: none },
            { partition, offset },
          ),
        ).toMatchObject({ isReplayed: true, source: { offset } })
  },
)

test('records with equal offsets of a recreated topic are not duplicates', async () => {
  const [one, other] = carts(2)
  if (!one || !other) throw new Error('two were made')
  await reject(ENGINE, one, 0)
  await reject(GATE, other, 0)
  await reject(GATE, one, 0, { first_seen: START_MS + 1 })
  await reject(GATE, one, 5)
  expect(await list()).toEqual({ total: 4, replayed: 0 })
  expect(await replay()).toMatchObject({ selected: 4, replayed: 4 })
})

test('rows of imports, and records that are not rejects, are never duplicates', async () => {
  const [row] = carts(1)
  if (!row) throw new Error('one was made')
  await reject(ENGINE, row, 0)
  await reject(GATE, row, -1)
  await reject(GATE, row, -1)
  const writer = await log.writer(DLQ_TOPIC, GATE, 'test')
  await writer.append(RecordBatch.of([Buffer.from('x'), Buffer.from('x')]), START_MS)
  expect(await list()).toEqual({ total: 5, replayed: 0 })
})

test('duplicates are found in a topic with a single partition', async () => {
  const poison = carts(4)
  for (const [offset, bytes] of poison.entries()) await reject(ENGINE, bytes, offset)
  for (const [offset, bytes] of poison.entries()) await reject(ENGINE, bytes, offset)
  expect(await list()).toEqual({ total: 4, replayed: 0 })
  expect(await replay()).toMatchObject({ selected: 4, replayed: 4 })
})

test('the page counts a record once, also if the gate starts much later', async () => {
  const { decode } = await parts()
  const tally = new DlqTally({ log, decode, sources: async () => [] })
  const poison = carts(40)
  for (const [offset, bytes] of poison.entries()) await reject(ENGINE, bytes, offset)
  expect(await tally.read()).toEqual({
    total: 40,
    byReason: { rule_violation: 40 },
    isComplete: true,
  })
  for (const [offset, bytes] of poison.entries())
    await reject(GATE, bytes, offset, offset === 3 ? { first_seen: 1 } : {})
  const right = { total: 41, byReason: { rule_violation: 41 }, isComplete: true }
  expect(await tally.read()).toEqual(right)
  expect(await tally.read()).toEqual(right)
  const [late] = carts(1)
  if (!late) throw new Error('one was made')
  await reject(GATE, late, 50)
  await reject(ENGINE, late, 50)
  expect(await tally.read()).toEqual({
    total: 42,
    byReason: { rule_violation: 42 },
    isComplete: true,
  })
})

test('withdrawing an announcement does not affect another of the same rejects', async () => {
  const options = { log, clock: systemClock(), graceMs: 0 }
  const [one, other] = [
    await ReplayLedger.open(options, 'one'),
    await ReplayLedger.open(options, 'other'),
  ]
  const rejects = [{ partition: 0, offset: 4, hash: 'of its bytes', replayCount: 1 }]
  const at = await one.announce(RAW, 0, rejects, START_MS)
  await expect(other.announce(RAW, 0, rejects, START_MS)).rejects.toMatchObject({
    code: 'CCS_LOG_LOCKED',
  })
  await one.recordOutcome(at, 'all')
  const { ledger } = await parts()
  expect(ledger.isReplayed({ partition: 0, offset: 4 })).toBe(true)
})
