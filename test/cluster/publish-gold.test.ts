/**
 * Gold on a real Kafka: the compacted topics, read to their ends, equal Gold, also after kill -9.
 */
import { expect } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { compileRecordDecoder } from '../../cli/domain/avro/record-decoder.ts'
import { endAll, startNode } from '../fixtures/child.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { type ClusterProject, TARGET, withClusterProject } from '../fixtures/cluster-project.ts'

const MODEL = 'gold.activity_1m'
const HISTORY = ['--from', '2026-03-01', '--to', '2026-03-02']

clusterTest('Gold topics on Kafka equal Gold, also after kill -9', (cluster, prefix) =>
  withClusterProject(cluster, prefix, async (project) => {
    expect((await project.ccs(['run', '--once'])).code).not.toBe(0)
    await project.deploy()
    await gen(project, '1')
    const once = await project.ccs(['run', '--once'])
    expect(once.code, once.stderr).toBe(0)
    const before = await expectTold(project, cluster.brokers)
    await gen(project, '2')
    const args = ['run', '--project', project.dir, '--target', TARGET, '--port', '0']
    const engine = startNode('bin/run.js', args)
    try {
      await engine.says('The engine answers at')
      await expect
        .poll(async () => (await publishedTo(project, cluster.brokers)).size, POLL)
        .toBeGreaterThan(before)
      engine.kill('SIGKILL')
      await engine.ended
    } finally {
      await endAll()
    }
    const again = await project.ccs(['run', '--once'])
    expect(again.code, again.stderr).toBe(0)
    await expectTold(project, cluster.brokers)
    const tail = await project.ccs(['tail', MODEL, '--limit', '1', '--json'])
    expect(tail.code, tail.stderr).toBe(0)
  }),
)

const POLL = { timeout: 30_000, interval: 500 }

async function gen(project: ClusterProject, seed: string): Promise<void> {
  const made = await project.ccs(['gen', ...HISTORY, '--count', '2000', '--seed', seed])
  expect(made.code, made.stderr).toBe(0)
}

/** Compares each topic with its model; returns the number of rows. */
async function expectTold(project: ClusterProject, brokers: string): Promise<number> {
  const asked = await project.ccs([
    'query',
    `SELECT window_start, events FROM ${MODEL} ORDER BY 1`,
    '--json',
  ])
  expect(asked.code, asked.stderr).toBe(0)
  const rows: { window_start: string; events: number }[] = JSON.parse(asked.stdout).rows
  const published = await publishedTo(project, brokers)
  expect(rows.length).toBeGreaterThan(500)
  expect([...published].sort(([a], [b]) => (a < b ? -1 : 1))).toEqual(
    rows.map(({ window_start, events }) => [window_start, events]),
  )
  return rows.length
}

/** Reads key and `events` of each row, decoded with the registry's schema. */
async function publishedTo(project: ClusterProject, brokers: string): Promise<Map<string, number>> {
  const topic = project.named(MODEL)
  const schema = await project.with(async ({ registry }) =>
    (await registry.versions(`${topic}-value`)).at(-1),
  )
  if (!schema) throw new Error('there is no contract')
  const decode = compileRecordDecoder<{ events: number }>(schema.schema, schema.id)
  const settings = { brokers: brokers.split(','), partitions: 1, replication: 1, retentionMs: -1 }
  const kafka = await openKafka(settings, project.dir)
  const rows = new Map<string, number>()
  try {
    for (const partition of (await kafka.stream.topic(topic))?.partitions ?? []) {
      for (let offset = 0; ; ) {
        const fetched = await kafka.fetch(topic, partition, offset, { bytesMax: 1e6, waitMs: 0 })
        for (const { key, value } of fetched.records) {
          if (value) rows.set(String(key), decode(value)?.events ?? -1)
          else rows.delete(String(key))
        }
        if (fetched.nextOffset >= fetched.endOffset) break
        offset = fetched.nextOffset
      }
    }
    return rows
  } finally {
    await kafka.close()
  }
}
