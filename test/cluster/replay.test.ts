/**
 * Replays on a real Kafka, which locks no partition: each reject is sent once,
 * wherever one was interrupted.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openKafkaLog } from '../../cli/adapters/kafka/event-log.ts'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import type { Clock } from '../../cli/domain/kernel/clock.ts'
import type { EventLog } from '../../cli/domain/log/event-log.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { kafkaSettings, withTopics } from '../fixtures/kafka-topics.ts'
import { makeRig, RAW } from '../fixtures/pipeline-rig.ts'
import { failAppendAt, ReplayShop, START_MS } from '../fixtures/replay-shop.ts'

clusterTest(
  'replays interrupted at every append send each reject once',
  async (cluster, prefix) => {
    const { brokers } = cluster
    const topics = [
      { topic: `${prefix}${RAW}`, numPartitions: 2 },
      ...['events.dlq', 'ccs.replays'].map((name) => ({ topic: `${prefix}${name}` })),
    ]
    const root = await mkdtemp(join(tmpdir(), 'ccs-replay-'))
    try {
      await withTopics(brokers, topics, async () => {
        const connection = await openKafka(kafkaSettings(brokers), '.')
        const log = openKafkaLog(connection, { prefix, withRetry: (write) => write() })
        try {
          await replayCut(log, root)
        } finally {
          await log.close()
        }
      })
    } finally {
      await rm(root, { recursive: true, force: true })
    }
  },
)

async function replayCut(log: EventLog, root: string): Promise<void> {
  const rig = await makeRig(['bronze.events'])
  const shop = new ReplayShop(rig, root)
  let nowMs = START_MS + 86_400_000
  const clock: Clock = {
    ...systemClock(),
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms
    },
  }
  const on = { clock, isShared: true }
  const others = await log.writer(RAW, 1, 'a shop')
  const carts = Array.from({ length: 6 }, (_, minute) => shop.emptyCart(minute))
  const cuts = [1, 2, 3].flatMap((cut) => (['before', 'after'] as const).map((when) => [cut, when]))
  for (const [index, cart] of carts.entries()) {
    await shop.reject([{ bytes: shop.encode(cart), partition: 1, offset: index }], log)
    const [cut, when] = cuts[index] ?? []
    const failing = failAppendAt(log, Number(cut), when === 'after' ? 'after' : 'before')
    // Its first appends may resolve what the interrupted one left open.
    await shop.replay({ ...on, log: failing }).catch((error) => expect(error.message).toBe('cut'))
    await others.append(RecordBatch.of([shop.encode(shop.event(30 + index))]), nowMs)
  }
  const rest = await shop.replay({ ...on, log })
  expect(rest.replayed + rest.replayedBefore).toBe(carts.length)
  const sent = (await shop.replayed(0, log)).filter(({ event_ts }) => event_ts < START_MS + 600_000)
  expect(sent.map(({ event_id }) => event_id).sort()).toEqual(
    carts.map(({ event_id }) => event_id).sort(),
  )
  // An event returns to its original partition.
  expect((await log.range(RAW, 0)).end).toBe(0)
}
