/**
 * The answers of a Flink target while its job runs: the rows of every model are those of the plain
 * SQL over the events so far, also of sessions that are under way, which Flink itself does not show.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openTopicReader } from '../../cli/adapters/kafka/topic-reader.ts'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import { openConfluentRegistry } from '../../cli/adapters/registry/confluent.ts'
import { withCompiler } from '../../cli/app/compile.ts'
import { openLogic } from '../../cli/app/project-logic.ts'
import { collectRows, type QueryService } from '../../cli/domain/query/query-service.ts'
import { openTopicQueries } from '../../cli/engines/flink/query/open-queries.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import type { Cluster } from '../fixtures/cluster.ts'
import { flinkTest } from '../fixtures/flink.ts'
import { listRawRows } from '../fixtures/flink-compare.ts'
import { whileOnFlink } from '../fixtures/flink-run.ts'
import { kafkaSettings } from '../fixtures/kafka-topics.ts'
import { differences, openOracle, topicRows } from '../fixtures/ksqldb-oracle.ts'
import { topicReader } from '../fixtures/ksqldb-shop.ts'
import { drawLongVisits } from '../fixtures/long-visits.ts'

const SEED = Number(process.env.CCS_DIFFERENTIAL_SEED ?? 5)
const HOUR = 3_600_000
const START = Date.parse('2026-03-27T00:00:00Z')
/** Of topics, after the records of a moment were appended. */
const SETTLE_MS = 90_000

flinkTest(
  'sessions under way and all other models are answered as by plain SQL over the events so far',
  async (gateway, cluster, prefix) => {
    const project = await loadProject(ROOT, { env: {} })
    const logic = await openLogic(project, { isDescribed: true })
    const compiled = await withCompiler(project, (compile) => compile('flink'))
    const models = logic.graph.map(({ model }) => model)
    const oracle = await openOracle(models)
    onTestFinished(() => oracle.close())
    let nowMs = 0
    const queries = await openQueries(cluster, prefix, () => nowMs)
    onTestFinished(() => queries.close())
    const events = drawLongVisits(SEED, START).filter(
      ({ appendMs }) => appendMs < START + 60 * HOUR,
    )
    await whileOnFlink({ gateway, cluster, prefix, compiled }, async (job) => {
      let from = 0
      for (const hours of [30, 42, 60]) {
        const until = events.findIndex(({ appendMs }) => appendMs >= START + hours * HOUR)
        const so = until < 0 ? events.length : until
        await job.append(events.slice(from, so))
        from = so
        nowMs = events[so - 1]?.appendMs ?? 0
        const rows = listRawRows(events.slice(0, so), `${prefix}events.valid`)
        await oracle.load(rows, { nowMs, timezone: project.config.timezone })
        await untilEqual(queries, async (ask) => {
          const differ: string[] = []
          for (const { name } of models)
            for (const one of await differences(oracle, name, await ask(name), 'Flink'))
              differ.push(`${hours} h, ${name}: ${JSON.stringify(one)}`)
          return differ
        })
        // Of those that are under way the engine's own topic has none.
        const closed = await topicRows(topicReader(job.kafka, cluster, prefix), SESSIONS, 'table')
        const { rows: all } = await oracle.query(`SELECT count(*) AS n FROM ${SESSIONS}`)
        expect(closed.length).toBeGreaterThan(30)
        expect(Number(all[0]?.n) - closed.length).toBeGreaterThan(5)
      }
      const { rows } = await oracle.query(`SELECT count(*) AS n FROM ${SESSIONS}`)
      const ccs = await openCommands(cluster, prefix)
      const query = await ccs(['query', `SELECT count(*) AS n FROM ${SESSIONS}`])
      expect(query).toMatchObject({ from: cluster.brokers, rows, undeployed: [] })
      const live = await ccs(['live', '--once'])
      expect(live).toMatchObject({ health: { from: cluster.brokers } })
    })
  },
  400_000,
)

const SESSIONS = 'gold.sessions'

/** Runs `ccs … --json` in a project whose target is this one. */
async function openCommands(cluster: Cluster, prefix: string) {
  const dir = mkdtempSync(path.join(tmpdir(), 'ccs-flink-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  for (const part of ['schemas', 'sql'])
    cpSync(path.join(ROOT, part), path.join(dir, part), { recursive: true })
  const server = { url: 'http://127.0.0.1:9' } // nobody asks it
  const target = {
    ...{ engine: 'flink', prefix, registry: { url: cluster.registry } },
    kafka: { brokers: cluster.brokers.split(',') },
    flink: { ...server, jobmanager: server, without: ['gold.right_now'] },
  }
  const [settings = ''] = readFileSync(path.join(ROOT, 'ccs.yml'), 'utf8').split(/^targets:/m)
  writeFileSync(
    path.join(dir, 'ccs.yml'),
    `${settings}targets: ${JSON.stringify({ big: target })}\n`,
  )
  return async (args: readonly string[]): Promise<unknown> => {
    const ran = await runCcs([...args, '--json', '--target', 'big', '--project', dir])
    expect(ran.stderr).toBe('')
    return JSON.parse(ran.stdout)
  }
}

type Ask = (model: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

async function untilEqual(
  queries: QueryService,
  compare: (ask: Ask) => Promise<readonly string[]>,
): Promise<void> {
  const ask: Ask = async (model) => collectRows(await queries.query(`SELECT * FROM ${model}`))
  const endMs = Date.now() + SETTLE_MS
  for (;;) {
    const differ = await compare(ask).catch((error: Error) => [error.message])
    if (differ.length === 0) return
    if (Date.now() > endMs) expect.fail(differ.join('\n'))
    await sleep(1_000)
  }
}

async function openQueries(
  cluster: Cluster,
  prefix: string,
  nowMs: () => number,
): Promise<QueryService> {
  const project = await loadProject(ROOT, { env: {} })
  const kafka = await openKafka(kafkaSettings(cluster.brokers), '.')
  return openTopicQueries({
    target: { prefix },
    logic: await openLogic(project, { isDescribed: true }),
    timezone: project.config.timezone,
    reader: openTopicReader(kafka),
    registry: openConfluentRegistry({ url: cluster.registry }),
    loadRecord: async () => undefined,
    limits: project.config.query,
    clock: { ...systemClock(), nowMs },
  })
}
