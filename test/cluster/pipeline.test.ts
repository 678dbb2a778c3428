/**
 * The embedded engine on a real Kafka: Gold equals the generator's expected results, kill -9 of
 * engine or broker loses and doubles nothing, and records that Kafka lost are reported as gaps.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { openKafkaLog } from '../../cli/adapters/kafka/event-log.ts'
import { openConfluentRegistry } from '../../cli/adapters/registry/confluent.ts'
import { compileEncoder } from '../../cli/domain/avro/encoder.ts'
import type { LogGap } from '../../cli/domain/lake/manifest.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import type { StatusResult } from '../../cli/domain/pipeline/read-status.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { type KafkaProject, withKafkaProject } from '../fixtures/kafka-project.ts'
import { startOwnStack } from '../fixtures/own-stack.ts'
import { shopEvent } from '../fixtures/shop-events.ts'
import { startSwitchableProxy } from '../fixtures/switchable-proxy.ts'

const BAD_EVENTS = ['--late', '5%', '--duplicates', '5%', '--disorder', '10%', '--invalid', '2%']
const DAY = ['--from', '2026-01-01', '--to', '2026-01-02']

/**
 * Points of a commit at which the engine is ended; '' is a random moment. `npm run
 * test:crash` runs all of them.
 */
const FAULTS = [
  'stage.rename:2:kill',
  'manifest.rename:1:kill',
  'commit.manifest:2:kill',
  '',
  'commit.freeze:1:kill',
  'commit.seal:1:kill',
  'finalize.link:1:kill',
  'commit.release:1:kill',
].slice(0, process.env.CCS_CRASH === 'all' ? 8 : 4)

/** The machine may be busy. */
const PATIENCE_MS = 120_000

const after = (ms: number) => new Promise<'late'>((resolve) => setTimeout(resolve, ms, 'late'))

async function statusOf({ ccs }: KafkaProject): Promise<StatusResult> {
  return JSON.parse(await ccs('status', '--json')) // what ccs status prints
}

/** Gold equals the expected results, the accounts add up, and there is no lag. */
async function expectRight(project: KafkaProject, truth: string): Promise<StatusResult> {
  await project.ccs('verify', '--truth', truth)
  await project.ccs('audit')
  const status = await statusOf(project)
  expect(status.lagEvents).toBe(0)
  return status
}

clusterTest(
  `30,000 events give the expected results over kill -9 at ${FAULTS.length} points`,
  (cluster, prefix) =>
    withKafkaProject(cluster, prefix, async (project) => {
      const { ccs, start, kafka, dir } = project
      const truth = path.join(dir, 'truth.ndjson')
      await ccs('gen', ...DAY, '--count', '30000', '--truth', truth, '--skew', '5%', ...BAD_EVENTS)
      let atPoint = 0
      for (const fault of FAULTS) {
        const engine = start(['run', '--port', '0'], { NODE_ENV: 'test', CCS_FAULT: fault })
        const how = await Promise.race([engine.ended, after(fault === '' ? 4_000 : PATIENCE_MS)])
        if (how === 'SIGKILL') atPoint++
        else expect(how, `${fault}\n${engine.output()}`).toBe('late')
        engine.kill('SIGKILL')
        await engine.ended
      }
      expect(atPoint).toBeGreaterThanOrEqual(FAULTS.length / 2)
      await ccs('run', '--once')
      const { counts, partitions, gaps } = await expectRight(project, truth)
      expect(counts.records).toBe(30_000)
      expect(gaps).toEqual([])
      const admin = await kafka.admin()
      const [committed] = await admin.fetchOffsets({ groupId: `${prefix}ccs.engine` })
      const offsets = committed?.partitions.map(({ partition, offset }) => [
        partition,
        Number(offset),
      ])
      expect(offsets?.sort()).toEqual(partitions.map(({ partition, end }) => [partition, end]))
    }),
  120_000 + FAULTS.length * PATIENCE_MS,
)

clusterTest(
  'a broker that is killed or hangs loses and doubles nothing',
  async ({ registry }, prefix) => {
    const own = await startOwnStack(['kafka'])
    try {
      await withKafkaProject({ brokers: own.brokers, registry }, prefix, async (project) => {
        const { ccs, start, dir, kafka } = project
        const truth = path.join(dir, 'truth.ndjson')
        const engine = start(['run', '--port', '0'])
        await engine.says('The engine answers', PATIENCE_MS)
        const gen = start(['gen', '--eps', '400', '--truth', truth, ...BAD_EVENTS])
        const flow = async () => {
          const written = async () => (await kafka.stream.range(`${prefix}events.raw`, 0)).end
          for (const from = await written(); (await written()) < from + 200; )
            expect(await Promise.race([gen.ended, after(100)]), gen.output()).toBe('late')
        }
        await flow()
        await own.kill9('kafka')
        await engine.says('Waiting for it.', PATIENCE_MS)
        const away = await statusOf(project)
        expect(away.stalled).toContain('No Kafka answers')
        await own.start()
        await engine.says('Kafka answers again', PATIENCE_MS)
        await flow()
        own.pause('kafka')
        await after(3_000)
        own.resume('kafka')
        await flow()
        gen.kill('SIGTERM')
        expect(await gen.ended, gen.output()).toBe(0)
        engine.kill('SIGTERM')
        expect(await engine.ended, engine.output()).toBe(0)
        // A process that must stop soon leaves the rest to the next run.
        await ccs('run', '--once')
        const { counts } = await expectRight(project, truth)
        expect(counts.records).toBeGreaterThan(600)
        expect(gen.output()).toContain(`${counts.records} records written`)
      })
    } finally {
      await own.stop()
    }
  },
  300_000,
)

clusterTest(
  'new schemas are loaded; nothing is rejected while the registry is away',
  async ({ brokers, registry: url }, prefix) => {
    const door = await startSwitchableProxy(url)
    try {
      await withKafkaProject({ brokers, registry: door.url }, prefix, async (project) => {
        const { ccs, start, dir, kafka } = project
        const file = path.join(dir, 'schemas/events.raw.avsc')
        const old = readFileSync(file, 'utf8')
        const history = path.join(dir, 'schemas/history/events.raw')
        const grow = async (name: string, version: number) => {
          const schema = JSON.parse(readFileSync(file, 'utf8'))
          schema.fields.push({ name, type: ['null', 'string'], default: null })
          const grown = JSON.stringify(schema)
          writeFileSync(file, grown)
          writeFileSync(path.join(history, `${version}.id90${version}.avsc`), grown)
          const registry = await openConfluentRegistry({ url })
          return registry.register(`${prefix}events.raw-value`, grown)
        }
        const counts = async (records: number) => {
          for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += 300) {
            const status = await statusOf(project)
            if (status.counts.records >= records) return status.counts
            await after(300)
          }
          throw new Error(`${records} records were not taken in: ${engine.output()}`)
        }
        const log = openKafkaLog(kafka, { prefix, withRetry: (run) => run() })
        const writer = await log.writer('events.raw', 0, 'another producer')
        const send = (bytes: Buffer) => writer.append(RecordBatch.of([bytes]), Date.now())
        const engine = start(['run', '--port', '0'])
        await engine.says('The engine answers', PATIENCE_MS)

        await grow('mood', 3)
        await ccs('gen', ...DAY, '--count', '1000', '--invalid', '0%')
        expect(await counts(1_000)).toMatchObject({ records: 1_000, dlq: 0 })

        const newest = await grow('weather', 4)
        const batch = new RecordBatch()
        const event = { ...shopEvent('of the new schema', Date.now()), mood: null, weather: 'rain' }
        compileEncoder(newest.schema, newest.id)(batch, event)
        const record = Buffer.from(batch.body.subarray(4))
        door.disconnect()
        await send(record)
        await engine.says('Waiting for it: nothing is rejected', PATIENCE_MS)
        const away = await statusOf(project)
        expect([away.counts.records, away.stalled]).toEqual([
          1_000,
          expect.stringContaining('registry'),
        ])
        door.reconnect()
        await engine.says('The registry answers again', PATIENCE_MS)
        expect(await counts(1_001)).toMatchObject({ records: 1_001, dlq: 0 })

        // A process that must stop meanwhile leaves it to the next run.
        door.disconnect()
        const unknown = Buffer.from(record)
        unknown.writeUInt32BE(987_654_321, 1)
        await send(unknown)
        await after(2_000)
        engine.kill('SIGTERM')
        expect(await engine.ended, engine.output()).toBe(0)
        door.reconnect()
        // The rows still come from the old logic.
        writeFileSync(file, old)
        for (const name of ['3.id903.avsc', '4.id904.avsc']) rmSync(path.join(history, name))
        expect((await statusOf(project)).counts).toMatchObject({ records: 1_001, dlq: 0 })
        await ccs('run', '--once')
        expect((await statusOf(project)).counts).toMatchObject({ records: 1_002, dlq: 1 })
        expect(JSON.parse(await ccs('dlq', 'ls', '--json'))).toMatchObject({
          groups: [{ reason: 'unknown_schema_id', count: 1 }],
        })
      })
    } finally {
      await door.end()
    }
  },
  300_000,
)

clusterTest(
  'expired records and a recreated topic are reported as gaps',
  (cluster, prefix) =>
    withKafkaProject(cluster, prefix, async (project) => {
      const { ccs, start, kafka } = project
      const topic = `${prefix}events.raw`
      const gen = (seed: number, count: number) =>
        ccs('gen', ...DAY, '--partitions', '1', '--seed', `${seed}`, '--count', `${count}`)
      const short = (gaps: readonly LogGap[]) =>
        gaps.map(({ partition, from, to, why }) => ({ partition, from, to, why }))
      await gen(1, 1_000)
      await ccs('run', '--once')
      await gen(2, 1_000)
      const admin = await kafka.admin()
      await admin.fetchTopicOffsets(topic) // kafkajs knows the leaders after this
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1200' }] })
      await ccs('run', '--once')
      const expired = { partition: 0, from: 1_000, to: 1_200, why: 'expired' }
      const first = await statusOf(project)
      expect([first.counts.records, first.lagEvents]).toEqual([1_800, 0])
      expect(short(first.gaps)).toEqual([expired])
      expect(await ccs('audit')).toContain('200 are missing')

      const engine = start(['run', '--port', '0'])
      await engine.says('The engine answers', PATIENCE_MS)
      await admin.deleteTopics({ topics: [topic] })
      await engine.says('Waiting for it.', PATIENCE_MS)
      await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] })
      // More records than before, so that offsets alone do not reveal the other topic.
      await gen(3, 2_500)
      await engine.says('was deleted and recreated', PATIENCE_MS)
      engine.kill('SIGTERM')
      expect(await engine.ended, engine.output()).toBe(0)
      const { counts, gaps, lagEvents } = await statusOf(project)
      expect([counts.records, lagEvents]).toEqual([1_800 + 2_500, 0])
      expect(short(gaps)[0]).toEqual(expired)
      expect(short(gaps)).toContainEqual({
        ...{ partition: 0, from: 2_000, to: 2_000, why: 'recreated' },
      })
      await ccs('audit')
      const [committed] = await admin.fetchOffsets({ groupId: `${prefix}ccs.engine` })
      expect(committed?.partitions.find(({ partition }) => partition === 0)?.offset).toBe('2500')
    }),
  300_000,
)
