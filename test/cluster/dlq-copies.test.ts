/**
 * Gate and engine reject the same records of a real Kafka: each counts as one
 * reject and is replayed once.
 */
import { expect } from 'vitest'
import type { DlqList } from '../../cli/domain/dlq/list-rejects.ts'
import type { ReplayResult } from '../../cli/domain/dlq/replay-rejects.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { type KafkaProject, withKafkaProject } from '../fixtures/kafka-project.ts'
import { withTopics } from '../fixtures/kafka-topics.ts'

const DAY = ['--from', '2026-01-01', '--to', '2026-01-02']
const PATCH = ['--reason', 'rule_violation', '--patch', 'quantity = greatest(quantity, 1)']

async function listed({ ccs }: KafkaProject): Promise<number> {
  const { total }: DlqList = JSON.parse(await ccs('dlq', 'ls', '--json')) // what it prints
  return total
}

async function replay({ ccs }: KafkaProject, ...more: readonly string[]): Promise<ReplayResult> {
  return JSON.parse(await ccs('dlq', 'replay', ...PATCH, ...more, '--json')) // what it prints
}

clusterTest(
  'rejects of gate and engine count once, are sent once, and pass the audit',
  (cluster, prefix) =>
    withKafkaProject(cluster, prefix, async (project) => {
      const more = [
        { topic: `${prefix}events.valid`, numPartitions: 3 },
        { topic: `${prefix}ccs.replays` },
      ]
      await withTopics(cluster.brokers, more, async (kafka) => {
        const { ccs } = project
        const admin = await kafka.admin()
        const rejects = async () => {
          const ends = [0, 1, 2].map(
            async (one) => (await kafka.stream.range(`${prefix}events.dlq`, one)).end,
          )
          return Promise.all(ends)
        }
        await ccs('gen', ...DAY, '--count', '4000', '--invalid', '10%')
        await ccs('run', '--once')
        const [engine = 0] = await rejects()
        expect(engine).toBeGreaterThan(100)
        expect(await listed(project)).toBe(engine)
        // Some are replayed before the gate has rejected them too.
        const first = await replay(project, '--limit', '5')
        expect(first).toMatchObject({ replayed: 5 })
        await ccs('gate', '--once')
        const [same, ...gate] = await rejects()
        expect(same).toBe(engine)
        expect(gate.reduce((sum, one) => sum + one, 0)).toBeGreaterThanOrEqual(engine)
        expect(await listed(project)).toBe(engine)
        const second = await replay(project)
        expect(second.replayedBefore).toBe(5)
        expect(second.replayed).toBeGreaterThan(0)
        const third = await replay(project)
        expect(third).toMatchObject({ replayed: 0, replayedBefore: 5 + second.replayed })
        await ccs('run', '--once')
        await ccs('gate', '--once')
        await ccs('audit')
        expect(await listed(project)).toBe(engine)
        const { records } = JSON.parse(await ccs('status', '--json')).counts
        expect(records).toBe(4000 + 5 + second.replayed)
        await admin.deleteGroups([`${prefix}ccs.gate`, `${prefix}ccs.engine`])
      })
    }),
  240_000,
)
