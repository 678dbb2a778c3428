/** The servers of the benches with a Flink: `ccs stack up flink`, the targets and topics in it, and rows compared. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { CCS, projectModule } from './project.js'

const run = promisify(execFile)

export const PARTITIONS = 3
export const PARTS = ['flink-jobmanager', 'flink-taskmanager', 'flink-gateway']

export async function startStack(project) {
  const args = ['stack', 'up', 'flink', '--port-base', '0', '--json', '--project', project]
  const { stdout } = await run(process.execPath, [CCS, ...args], { maxBuffer: 1e8 })
  const part = (name) => JSON.parse(stdout).parts.find((one) => one.part === name)
  return {
    brokers: part('kafka').address,
    registry: part('registry').address,
    gateway: part('flink-gateway').address,
    manager: part('flink-jobmanager').address,
    pids: Object.fromEntries(PARTS.map((name) => [name, part(name).pid])),
  }
}

export async function stopStack(project) {
  await run(process.execPath, [CCS, 'stack', 'down', '--purge', '--project', project])
}

export function on(project, target) {
  return ['--project', project, '--target', target]
}

/** Replaces the targets of the project's ccs.yml. */
export async function writeTargets(project, targets) {
  const file = `${project}/ccs.yml`
  const [settings] = (await readFile(file, 'utf8')).split(/^targets:/m)
  await writeFile(file, `${settings}targets: ${JSON.stringify(targets)}\n`)
}

/** As a deployment makes them; the job is deployed only when they are full. */
const TOPICS = {
  'events.raw': { 'max.message.bytes': '2097152', 'message.timestamp.type': 'LogAppendTime' },
  'events.valid': { 'max.message.bytes': '1114112', 'message.timestamp.type': 'CreateTime' },
  'events.dlq': { 'max.message.bytes': '2162688', 'message.timestamp.type': 'LogAppendTime' },
}

/** The topics of events of a target, by name with their settings. */
export function eventTopics(prefix) {
  return Object.entries(TOPICS).map(([name, config]) => [prefix + name, config])
}

export async function createTopics({ brokers }, topics) {
  const { openKafka } = await projectModule('adapters/kafka/connection.js')
  const { openTopicAdmin } = await projectModule('adapters/kafka/topic-admin.js')
  const admin = openTopicAdmin(await openKafka({ brokers: [brokers] }, '.'))
  try {
    await admin.create(
      topics.map(([name, config]) => ({
        ...{ name, partitions: PARTITIONS, replication: 1 },
        config: { 'cleanup.policy': 'delete', 'retention.ms': '-1', ...config },
      })),
    )
  } finally {
    await admin.close()
  }
}

/** What differs, in words: [] if both have the same rows. */
export function compareRows(name, expected, found) {
  const columns = Object.keys(expected[0] ?? found[0] ?? {})
  const [ours, theirs] = [expected, found].map(
    (rows) => new Set(rows.map((one) => columns.map((column) => same(one[column])).join('|'))),
  )
  const missing = [...ours].filter((one) => !theirs.has(one))
  const surplus = [...theirs].filter((one) => !ours.has(one))
  if (missing.length + surplus.length === 0) return []
  return [
    `${name} lacks ${missing.length} rows, has ${surplus.length} others: ${missing[0] ?? ''} / ${surplus[0] ?? ''}`,
  ]
}

/** One text for equal values of both sides. */
function same(value) {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\d[T ]/.test(value))
    return new Date(
      /Z$|[+-]\d\d(:\d\d)?$/.test(value) ? value : `${value.replace(' ', 'T')}Z`,
    ).toISOString()
  if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return String(Number(value))
  return typeof value === 'object' ? JSON.stringify(value, toPlain) : String(value)
}

function toPlain(_, value) {
  return typeof value === 'bigint' ? String(value) : value
}
