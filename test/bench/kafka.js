/**
 * The same events through a Kafka and through the log on disk: what the generator writes a second, and what the
 * engine takes in a second, with rows compared. The broker is this bench's own; its CPU is counted apart.
 */
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { abba, ccs, cpuSeconds, median } from './measure.js'
import { CCS, copyProject, readModels, sameLog } from './project.js'
import { goal, number, ROWS_DIFFER } from './report.js'

const run = promisify(execFile)
const PARTITIONS = 3
const TOPICS = ['events.raw', 'events.dlq']
/** When a record came is not the same twice. */
const OF_THE_ARRIVAL = ['ingest_time', 'schema_id']

export const kafka = {
  name: 'kafka',
  title: 'the generator into a Kafka, and the engine from it, against the log on disk',
  events: { full: 1_000_000, quick: 100_000 },
  async run({ events, pairs, dir, say }) {
    const project = `${dir}/project`
    await copyProject(
      project,
      (await readModels()).map(({ name }) => name),
    )
    say('starting a broker and a registry')
    const stack = await startStack(project)
    try {
      return await compare({ events, pairs, dir, say, project, stack })
    } finally {
      await run(process.execPath, [CCS, 'stack', 'down', '--purge', '--project', project])
    }
  },
}

async function startStack(project) {
  const args = ['stack', 'up', 'core', '--port-base', '0', '--json', '--project', project]
  const { stdout } = await run(process.execPath, [CCS, ...args])
  const part = (name) => JSON.parse(stdout).parts.find((one) => one.part === name)
  return {
    brokers: part('kafka').address,
    registry: part('registry').address,
    pid: part('kafka').pid,
  }
}

async function compare({ events, pairs, dir, say, project, stack }) {
  const log = `${dir}/log`
  const data = (side) => `${dir}/data-${side}`
  const range = ['--from', '2026-01-01', '--to', '2026-01-08', '--count', String(events)]
  const shop = ['--seed', '7', ...range, '--duplicates', '1%', '--invalid', '0.1%']
  const onKafka = ['--project', project, '--target', 'kafka']
  const withBroker = async (work) => {
    const before = cpuSeconds(stack.pid)
    const found = await work()
    return { ...found, brokerSeconds: cpuSeconds(stack.pid) - before }
  }

  const written = await abba(
    pairs,
    async (i) => {
      say(`writing ${number(events)} events to Kafka`)
      await freshTarget(project, stack, `b${i}.`)
      return withBroker(() => ccs(['gen', ...onKafka, ...shop]))
    },
    async () => {
      say(`writing ${number(events)} events to the disk`)
      await rm(log, { recursive: true, force: true })
      const partitions = ['--partitions', String(PARTITIONS)]
      return ccs(['gen', '--project', project, '--data', log, ...shop, ...partitions])
    },
  )
  const read = await abba(
    pairs,
    async () => {
      say('the engine from Kafka')
      await rm(data('kafka'), { recursive: true, force: true })
      return withBroker(() => ccs(['run', '--once', ...onKafka, '--data', data('kafka')]))
    },
    async () => {
      say('the engine from the disk')
      await sameLog(log, data('disk'))
      return ccs(['run', '--once', '--project', project, '--data', data('disk')])
    },
  )
  const wrong = await differing(
    ['--project', project, '--data', data('disk')],
    [...onKafka, '--data', data('kafka')],
  )
  const rate = (runs) => events / median(runs.map((one) => one.wallSeconds))
  const [toKafka, toDisk] = [written.map(({ a }) => a), written.map(({ b }) => b)]
  const [fromKafka, fromDisk] = [read.map(({ a }) => a), read.map(({ b }) => b)]
  return {
    rows: [
      row('gen into Kafka', toKafka, events),
      row('gen onto the disk', toDisk, events),
      row('engine from Kafka', fromKafka, events),
      row('engine from the disk', fromDisk, events),
    ],
    goals: [
      goal('events a second of gen into Kafka', rate(toKafka), '>= 30000'),
      goal(
        'rate of the engine from Kafka / from the disk',
        rate(fromKafka) / rate(fromDisk),
        '>= 0.6',
      ),
      goal(ROWS_DIFFER, wrong.length, '<= 0'),
    ],
    notes: [
      `${PARTITIONS} partitions, acks of all, idempotent, not compressed; one broker on the same machine.`,
      `Wall clock with the start of ccs; the broker's CPU seconds are not in those of ccs.`,
      `Tables compared without ${OF_THE_ARRIVAL.join(' and ')}: ${wrong.length === 0 ? 'all rows equal' : wrong.join('; ')}.`,
    ],
  }
}

/** New topics and subjects under a prefix. */
async function freshTarget(project, { brokers, registry }, prefix) {
  const file = `${project}/ccs.yml`
  const [settings] = (await readFile(file, 'utf8')).split(/^targets:/m)
  const target = {
    engine: 'embedded',
    prefix,
    kafka: { brokers: [brokers] },
    registry: { url: registry },
  }
  await writeFile(file, `${settings}targets: ${JSON.stringify({ kafka: target })}\n`)
  const { openKafka } = await import('../../dist/adapters/kafka/connection.js')
  const connection = await openKafka({ brokers: [brokers] }, '.')
  try {
    const admin = await connection.admin()
    const topics = TOPICS.map((topic) => ({ topic: prefix + topic, numPartitions: PARTITIONS }))
    await admin.createTopics({ topics })
  } finally {
    await connection.close()
  }
  await ccs(['schema', 'register', '--project', project, '--target', 'kafka'])
}

/** Tables whose rows, but for what is of the arrival, are not the same. */
async function differing(one, other) {
  const models = (await readModels()).filter(({ kind }) => kind !== 'view')
  const sql = models
    .map(({ name }) => {
      const left = `COLUMNS(c -> c NOT IN (${OF_THE_ARRIVAL.map((c) => `'${c}'`).join(', ')}))`
      return `SELECT '${name}' AS name, count(*) AS n, CAST(sum(hash(t)) AS VARCHAR) AS hash
        FROM (SELECT ${left} FROM ${name}) AS t`
    })
    .join('\nUNION ALL\n')
  const answer = async (where) => {
    const { stdout } = await ccs(['query', sql, '--json', ...where])
    return new Map(JSON.parse(stdout).rows.map((row) => [row.name, `${row.n} rows, ${row.hash}`]))
  }
  const [ours, theirs] = [await answer(one), await answer(other)]
  return [...ours].filter(([name, text]) => theirs.get(name) !== text).map(([name]) => name)
}

function row(side, runs, events) {
  const wall = median(runs.map((run) => run.wallSeconds))
  const cpu = median(runs.map((run) => run.cpuSeconds))
  const broker =
    runs[0].brokerSeconds === undefined ? '' : median(runs.map((run) => run.brokerSeconds))
  return {
    side,
    'wall s': wall,
    'events per s': events / wall,
    'CPU s': cpu,
    'broker CPU s': broker,
  }
}
