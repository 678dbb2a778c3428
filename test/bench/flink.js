/**
 * The same models over the same events of a week: the embedded engine, and a Flink cluster with one slot and with
 * two. Both read a Kafka that was filled before; rows of Gold are compared. CPU seconds are those of all processes
 * of a side: of Flink the gate in front of it, JobManager, TaskManager and SQL Gateway, planning apart. The cluster
 * is this bench's own (`ccs stack up flink`).
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import {
  compareRows,
  createTopics,
  eventTopics,
  on,
  PARTITIONS,
  PARTS,
  startStack,
  stopStack,
  writeTargets,
} from './flink-stack.js'
import { ccs, cpuSeconds, sleep } from './measure.js'
import { CCS, copyProject, projectModule, readModels } from './project.js'
import { goal, number, ROWS_DIFFER } from './report.js'
import { readLastRows } from './topic-rows.js'

const run = promisify(execFile)
/** Sessions appear on Flink 1½ hours after their end, so the last ones are not there. */
const COMPARED = ['activity_1m', 'revenue_daily', 'revenue_by_category_daily', 'top_pages_1h']
const NOT_ON_FLINK = 'gold.right_now'
/** Adopted topics may be changed. */
const DEPLOY = ['deploy', '--yes', '--allow-destructive']
const CAUGHT_UP_MAX_MS = 3_600_000

export const flink = {
  name: 'flink',
  title: 'the embedded engine against a Flink cluster with one slot and with two',
  events: { full: 300_000, quick: 30_000 },
  async run({ events, dir, say }) {
    const project = `${dir}/project`
    const names = (await readModels()).map(({ name }) => name)
    await copyProject(
      project,
      names.filter((name) => name !== NOT_ON_FLINK),
    )
    say('starting Kafka, a registry and Flink')
    const stack = await startStack(project)
    try {
      return await compare({ events, say, project, stack })
    } finally {
      await stopStack(project)
    }
  },
}

async function compare({ events, say, project, stack }) {
  const range = ['--from', '2026-01-01', '--to', '2026-01-08', '--count', String(events)]
  const faults = ['--late', '2%', '--duplicates', '2%', '--disorder', '5%', '--invalid', '0.5%']
  const rows = []
  await writeTargets(project, targetsOf(stack))
  say(`writing ${number(events)} events to Kafka`)
  await ccs(['deploy', '--yes', ...on(project, 'embedded')])
  await ccs(['gen', '--seed', '7', ...range, ...faults, ...on(project, 'embedded')])
  say('the embedded engine')
  const embedded = await ccs(['run', '--once', ...on(project, 'embedded')])
  rows.push(row('embedded engine', events, embedded.wallSeconds, [embedded.cpuSeconds]))
  const wanted = await readEmbedded(on(project, 'embedded'))
  const wrong = []
  const states = []
  for (const slots of [1, 2]) {
    const target = `flink${slots}`
    say(`${slots} of Flink's slots: the events again, and the gate`)
    // Those of events alone: Flink registers schemas of its own for the topics that it fills.
    await ccs(['schema', 'register', 'events.raw', 'events.dlq', ...on(project, target)])
    await createTopics(stack, eventTopics(`${target}.`))
    await ccs(['gen', '--seed', '7', ...range, ...faults, ...on(project, target)])
    const gate = await ccs(['gate', '--once', ...on(project, target)])
    await ccs(['adopt', ...on(project, target)])
    say(`${slots} of Flink's slots: the job`)
    const found = await runJob({ project, target, stack })
    const { wallSeconds, jobSeconds, planSeconds } = found
    const side = `Flink, ${slots} ${slots === 1 ? 'slot' : 'slots'}`
    rows.push(row(side, events, wallSeconds, [jobSeconds, gate.cpuSeconds, planSeconds]))
    states.push({ side, ...found })
    wrong.push(...(await differing(stack, target, wanted)).map((text) => `${side}: ${text}`))
    await ccs(['destroy', '--allow-destructive', '--yes', ...on(project, target)])
  }
  const [own, one, two] = rows.map((each) => each['events per CPU s'])
  return {
    rows,
    goals: [
      goal('events per CPU s, embedded engine / Flink with 1 slot', own / one, '>= 1'),
      goal(ROWS_DIFFER, wrong.length, '<= 0'),
    ],
    notes: [
      `Events of seven days, ${PARTITIONS} partitions, 2 % late, 2 % doubled, 5 % out of order, 0.5 % invalid.`,
      'events per CPU s: without planning, which a job costs once; the gate is in it. The broker is in none of them.',
      `Flink with 2 slots takes ${number(one / two)} times the CPU of 1 slot; it runs second, so its JVMs are warm.`,
      ...states.map(
        ({ side, samples }) =>
          `State of ${side} by records read: ${samples.map(([read, bytes]) => `${number(read)}: ${number(bytes / 1e6)} MB`).join(', ')}.`,
      ),
      `Compared rows of ${COMPARED.join(', ')}, and the events of silver.events: ${wrong.length === 0 ? 'all rows equal' : wrong.join('; ')}.`,
    ],
  }
}

function targetsOf({ brokers, registry, gateway, manager }) {
  const kafka = { brokers: [brokers], partitions: PARTITIONS, retention: 'forever' }
  const base = { kafka, registry: { url: registry } }
  const flinkTarget = (slots) => ({
    ...{ engine: 'flink', prefix: `flink${slots}.`, ...base },
    flink: {
      url: gateway,
      jobmanager: { url: manager },
      parallelism: slots,
      checkpoint_every: '10 s',
    },
  })
  return {
    embedded: { engine: 'embedded', prefix: 'embedded.', ...base },
    flink1: flinkTarget(1),
    flink2: flinkTarget(2),
  }
}

/** Deploys, waits until all is read and committed; CPU of planning is what there was before the job started. */
async function runJob({ project, target, stack }) {
  const { openJobManager } = await projectModule('engines/flink/client/job-manager.js')
  const manager = openJobManager({ url: stack.manager })
  const cpu = () => PARTS.reduce((sum, part) => sum + cpuSeconds(stack.pids[part]), 0)
  const before = cpu()
  const deploying = run(process.execPath, [CCS, ...DEPLOY, ...on(project, target)], {
    maxBuffer: 1e8,
  })
  let failed
  deploying.catch((error) => {
    failed = error
  })
  let job
  while (job === undefined) {
    if (failed) throw failed
    const jobs = await manager.listJobs()
    job = jobs.find((one) => one.name.startsWith(`${target}.ccs-v`) && one.endMs === null)
    await sleep(200)
  }
  const [planned, startMs] = [cpu(), performance.now()]
  await deploying
  const samples = []
  for (;;) {
    const { stdout } = await run(process.execPath, [
      CCS,
      'status',
      '--json',
      ...on(project, target),
    ])
    const { running, lagEvents, partitions, checkpoints, stalled } = JSON.parse(stdout)
    const read = partitions.reduce((sum, one) => sum + (one.nextOffset ?? 0), 0)
    if (checkpoints.bytes !== null && checkpoints.bytes !== samples.at(-1)?.[1])
      samples.push([read, checkpoints.bytes])
    if (running && lagEvents === 0) break
    if (performance.now() - startMs > CAUGHT_UP_MAX_MS) throw new Error(`not caught up: ${stalled}`)
    await sleep(2_000)
  }
  const wallSeconds = (performance.now() - startMs) / 1000
  const jobSeconds = cpu() - planned
  // Its last rows are visible after the next checkpoint.
  const { completed } = await manager.readCheckpoints(job.id)
  let last = await manager.readCheckpoints(job.id)
  for (; last.completed < completed + 2; last = await manager.readCheckpoints(job.id))
    await sleep(500)
  const read = samples.at(-1)?.[0] ?? 0
  samples.push([read, last.latest?.stateBytes ?? 0])
  return { wallSeconds, jobSeconds, planSeconds: planned - before, samples: thin(samples) }
}

/** At most six of them, evenly. */
function thin(samples) {
  const step = Math.max(1, Math.ceil(samples.length / 5))
  return samples.filter((_, index) => index % step === 0 || index === samples.length - 1)
}

async function readEmbedded(where) {
  const tables = new Map()
  for (const name of COMPARED) {
    const { stdout } = await ccs(['query', `SELECT * FROM gold.${name}`, '--json', ...where])
    tables.set(name, JSON.parse(stdout).rows)
  }
  const sql = 'SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM silver.events'
  const { stdout } = await ccs(['query', sql, '--json', ...where])
  return { tables, silver: JSON.parse(stdout).rows[0] }
}

/** What is not the same, in words. */
async function differing({ brokers, registry }, target, { tables, silver }) {
  const wrong = []
  for (const [name, expected] of tables) {
    const found = await readLastRows({ brokers, registry, topic: `${target}.gold.${name}` })
    wrong.push(...compareRows(name, expected, found))
  }
  const rows = await readLastRows({
    brokers,
    registry,
    topic: `${target}.silver.events`,
    isStream: true,
  })
  const ids = new Set(rows.map((one) => one.event_id))
  if (rows.length !== Number(silver.n) || ids.size !== Number(silver.ids))
    wrong.push(
      `silver.events has ${rows.length} rows of ${ids.size} events, not ${silver.n} of ${silver.ids}`,
    )
  return wrong
}

/** `cpu`: of the job or engine, of the gate, of planning. */
function row(side, events, wallSeconds, [cpu, gate = 0, plan = 0]) {
  return {
    side,
    'wall s': wallSeconds,
    'events per s': events / wallSeconds,
    'CPU s': cpu,
    'gate CPU s': gate === 0 ? '' : gate,
    'planning CPU s': plan === 0 ? '' : plan,
    'events per CPU s': events / (cpu + gate),
  }
}
