/**
 * `ccs collect` on a real Kafka: events of all visitors into all partitions, a collector that is
 * killed, and a Kafka that is away or silent for some seconds. What was answered with 202 is in
 * Bronze, and each event once in Silver. CCS_KILL_SEED chooses another load.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { startBrokerProxy } from '../fixtures/broker-proxy.ts'
import { startNode } from '../fixtures/child.ts'
import { type Cluster, clusterTest } from '../fixtures/cluster.ts'
import { CollectSender } from '../fixtures/collect-sender.ts'
import { connectCollector, type RunningCollector } from '../fixtures/collector.ts'
import { seededRandom } from '../fixtures/fault-files.ts'
import { type KafkaProject, withKafkaProject } from '../fixtures/kafka-project.ts'
import { withTopics } from '../fixtures/kafka-topics.ts'

const SEED = Number(process.env.CCS_KILL_SEED ?? 20_260_101)
const KILLS = 3
const SENDERS = 8
const AWAY_MS = 4_000
/** Long enough that a new connection is tried in vain, too. */
const SILENT_MS = 10_000
/** The rest of one group’s time and all of the next one’s, on a busy machine. */
const ANSWER_MS = 15_000
const BACK_MS = 20_000

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

function startCollector({ start }: KafkaProject): Promise<RunningCollector> {
  return connectCollector(start(['collect', '--port', '0']))
}

function makeSenders(random: () => number): readonly CollectSender[] {
  return Array.from({ length: SENDERS }, (_, i) => new CollectSender(`visitor-${i}`, random))
}

async function query({ ccs }: KafkaProject, sql: string) {
  const rows: readonly Readonly<Record<string, unknown>>[] = JSON.parse(
    await ccs('query', sql, '--json'),
  ).rows
  return rows
}

/** Ingests what was collected: nothing that was acknowledged is missing, nothing is there twice. */
async function expectWhole(project: KafkaProject, senders: readonly CollectSender[]) {
  await project.ccs('run', '--once')
  const acknowledged = senders.flatMap((one) => [...one.acknowledged])
  const bronze = await query(project, 'SELECT DISTINCT event_id FROM bronze.events')
  const found = new Set(bronze.map((row) => row.event_id))
  expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
  const [counts] = await query(
    project,
    `SELECT count(*) - count(DISTINCT event_id) AS twice, count(*) AS silver,
      (SELECT count(*) FROM bronze.events) AS bronze FROM silver.events`,
  )
  expect(counts?.twice).toBe(0)
  expect(counts?.silver).toBe(found.size)
  await project.ccs('audit')
  const repeated = senders.reduce((sum, one) => sum + one.repeated, 0)
  process.stdout.write(
    `${acknowledged.length} events acknowledged, ${repeated} sent again, ` +
      `${counts?.bronze} arrivals in Bronze: none lost, none twice in Silver\n`,
  )
  return acknowledged.length
}

/** Servers of engines that nobody asks. */
const NOWHERE = {
  flink: { url: 'http://127.0.0.1:1', jobmanager: { url: 'http://127.0.0.1:1' } },
  ksqldb: { url: 'http://127.0.0.1:1' },
}

/** The project's file ends with its targets, as JSON in one line. */
function addTarget(dir: string, name: string, { brokers, registry }: Cluster, more: object) {
  const file = path.join(dir, 'ccs.yml')
  const [settings = '', targets = '{}'] = readFileSync(file, 'utf8').split(/^targets: /m)
  const servers = { kafka: { brokers: brokers.split(',') }, registry: { url: registry } }
  const all = { ...JSON.parse(targets), [name]: { ...servers, ...more } }
  writeFileSync(file, `${settings}targets: ${JSON.stringify(all)}\n`)
}

const view = (more: object = {}) => {
  return {
    ...{ event_id: randomUUID(), event_ts: Date.now(), event_type: 'page_view', page: '/' },
    ...more,
  }
}

clusterTest('each visitor has a partition, and each event a receipt', (cluster, prefix) =>
  withKafkaProject(cluster, prefix, async (project) => {
    const collector = await startCollector(project)
    const visits = Array.from({ length: 60 }, (_, i) => view({ anonymous_id: `visitor-${i % 12}` }))
    const bad = { ...view(), event_type: 'purchase', order_id: 'A1', items: [], currency: 'EUR' }
    const sent = [...visits, visits[0], bad]
    const { status, body } = await collector.post('/v1/events', sent)
    expect(status).toBe(202)
    expect(body).toMatchObject({ accepted: 60, duplicate: 1, rejected: 1 })
    await collector.stop()
    // Ids are read again from all partitions.
    const again = await startCollector(project)
    const second = await again.post('/v1/events', visits)
    expect(second.body).toMatchObject({ accepted: 0, duplicate: 60 })
    await again.stop()
    await project.ccs('run', '--once')
    const sql = `SELECT count(DISTINCT partition) AS partitions, count(*) AS bronze,
      count(DISTINCT anonymous_id || '/' || partition) AS visitors,
      (SELECT count(*) FROM silver.events) AS silver FROM bronze.events`
    expect(await query(project, sql)).toEqual([
      { partitions: 3, bronze: 121, visitors: 12, silver: 60 },
    ])
    expect(await project.ccs('dlq', 'ls')).toContain('missing_field')
    await project.ccs('audit')
  }),
)

clusterTest(`${KILLS} kills of the collector lose no event and double none`, (cluster, prefix) =>
  withKafkaProject(cluster, prefix, async (project) => {
    const random = seededRandom(SEED)
    const senders = makeSenders(random)
    for (let life = 0; life < KILLS; life++) {
      const collector = await startCollector(project)
      const sending = senders.map((one) => one.send(collector))
      await after(100 + random() * 700)
      collector.child.kill('SIGKILL')
      await Promise.all([...sending, collector.child.ended])
    }
    expect(await expectWhole(project, senders)).toBeGreaterThan(KILLS)
  }),
)

clusterTest(
  'while Kafka is away, answers are a soon 503, and then 202 again',
  async (own, prefix) => {
    const proxy = await startBrokerProxy(own.brokers)
    try {
      await withKafkaProject({ ...own, brokers: proxy.brokers }, prefix, async (project) => {
        const collector = await startCollector(project)
        const senders = makeSenders(seededRandom(SEED))
        const stop = new AbortController()
        const sending = Promise.all(senders.map((one) => one.send(collector, stop.signal)))
        const health = async () => (await fetch(`${collector.url}/healthz`)).status
        const refusals = () => senders.reduce((sum, one) => sum + one.refused, 0)
        for (const [leave, forMs] of [
          [proxy.disconnect, AWAY_MS],
          [proxy.silence, SILENT_MS],
        ] as const) {
          await after(500)
          expect(await health()).toBe(200)
          const before = refusals()
          leave()
          await after(forMs)
          await expect.poll(refusals, { timeout: ANSWER_MS }).toBeGreaterThan(before)
          expect(await health()).toBe(503)
          proxy.reconnect()
          await expect.poll(health, { timeout: BACK_MS, interval: 100 }).toBe(200)
        }
        stop.abort()
        await sending
        const slowest = Math.max(...senders.map((one) => one.slowestMs))
        process.stdout.write(`${refusals()} answers of 503, the slowest after ${slowest} ms\n`)
        expect(slowest).toBeLessThan(ANSWER_MS)
        await collector.stop()
        await expectWhole(project, senders)
      })
    } finally {
      await proxy.end()
    }
  },
)

clusterTest('without its topics or its Kafka, a collector says what to do', (cluster, prefix) =>
  withKafkaProject(cluster, prefix, async ({ dir, kafka }) => {
    const collect = async (name: string, more: object) => {
      addTarget(dir, name, cluster, { prefix, engine: 'embedded', ...more })
      return runCcs(['collect', '--port', '0', '--project', dir, '--target', name])
    }
    const away = await collect('away', { kafka: { brokers: ['127.0.0.1:1'] } })
    expect(away.code).toBe(4)
    expect(away.stderr).toContain('No Kafka answers at 127.0.0.1:1.\n')
    expect(away.stderr).toContain('ccs stack up')
    const admin = await kafka.admin()
    await admin.deleteTopics({ topics: [`${prefix}events.dlq`] })
    const missing = await collect('missing', {})
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain(`There is no topic ${prefix}events.dlq`)
    expect(missing.stderr).toContain('ccs deploy --target')
  }),
)

clusterTest('targets of other engines get events without a server of theirs', (cluster, prefix) =>
  withKafkaProject(cluster, prefix, async ({ dir }) => {
    for (const [engine, settings] of Object.entries(NOWHERE)) {
      const of = `${prefix}${engine}.`
      const topics = ['events.raw', 'events.dlq'].map((name) => ({
        topic: of + name,
        numPartitions: 1,
      }))
      await withTopics(cluster.brokers, topics, async (kafka) => {
        addTarget(dir, engine, cluster, { prefix: of, engine, [engine]: settings })
        const place = ['--project', dir, '--target', engine]
        const registered = await runCcs(['schema', 'register', ...place])
        expect(registered.code, registered.stderr).toBe(0)
        const ccs = startNode('bin/run.js', ['collect', '--port', '0', ...place])
        const collector = await connectCollector(ccs)
        const { status, body } = await collector.post('/v1/events', view())
        expect([status, body.accepted]).toEqual([202, 1])
        await collector.stop()
        const fetched = await kafka.fetch(`${of}events.raw`, 0, 0, { bytesMax: 10_000, waitMs: 0 })
        expect(fetched.records).toHaveLength(1)
      })
    }
  }),
)
