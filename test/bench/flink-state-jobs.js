/** The two jobs of the bench flink-state, the events that they read in scaled time, and the sizes of their checkpoints. */
import { createTopics, eventTopics, on, PARTITIONS } from './flink-stack.js'
import { ccs, sleep } from './measure.js'
import { projectModule } from './project.js'

export const DAYS = 14
export const DAY_MS = 86_400_000
export const PREFIX = 'week.'
const START_MS = Date.parse('2026-01-01T00:00:00Z')
const CHECKPOINT_MS = 3_000
const DRAINED_MAX_MS = 600_000

/** Records of events.valid as the gate writes them, each with the time of the shop at which it arrived. */
export async function makeEvents({ project, stack, events }) {
  const day = (count) => new Date(START_MS + count * DAY_MS).toISOString().slice(0, 10)
  const range = ['--from', day(0), '--to', day(DAYS), '--count', String(events)]
  const faults = ['--late', '2%', '--duplicates', '2%', '--disorder', '5%', '--invalid', '0.5%']
  await ccs(['schema', 'register', 'events.raw', 'events.dlq', ...on(project, 'made')])
  await createTopics(stack, eventTopics('made.'))
  await ccs(['gen', '--seed', '7', ...range, ...faults, ...on(project, 'made')])
  await ccs(['gate', '--once', ...on(project, 'made')])
  const { openKafka } = await projectModule('adapters/kafka/connection.js')
  const { compileObjectReader } = await projectModule('domain/avro/object-reader.js')
  const kafka = await openKafka({ brokers: [stack.brokers] }, '.')
  const readers = new Map()
  const records = []
  try {
    for (let partition = 0; partition < PARTITIONS; partition++)
      for (let at = 0, dueMs = START_MS; ; ) {
        const options = { bytesMax: 4_000_000, waitMs: 0 }
        const found = await kafka.fetch('made.events.valid', partition, at, options)
        for (const { key, value } of found.records) {
          const id = value.readInt32BE(1)
          if (!readers.has(id)) {
            const { schema } = await (await fetch(`${stack.registry}/schemas/ids/${id}`)).json()
            readers.set(id, compileObjectReader(schema, schema))
          }
          // In order: what arrives late has an earlier time than what arrived before it.
          const { event_ts, anonymous_id } = readers.get(id)(value.subarray(5))
          dueMs = Math.max(dueMs, Number(event_ts))
          records.push({ partition, key, value, dueMs, visitor: anonymous_id })
        }
        if (found.nextOffset >= found.endOffset) break
        at = found.nextOffset
      }
  } finally {
    await kafka.close()
  }
  return records.sort((a, b) => a.dueMs - b.dueMs)
}

/** The job of the project as a deployment plans it, twice: with its times to live, scaled, and without. */
export async function planJobs({ project, stack, factor }) {
  const { loadProject } = await projectModule('project.js')
  const { openLogic } = await projectModule('app/project-logic.js')
  const { keepIncluded } = await projectModule('domain/models/exclude-models.js')
  const { toCompileProject } = await projectModule('domain/dialects/compile.js')
  const { compileProjectJob } = await projectModule('engines/flink/compile/project-job.js')
  const { describeServers } = await projectModule('engines/flink/plan/server-options.js')
  const { createJobNames } = await projectModule('engines/flink/plan/names.js')
  const { printJobProperties, toJobScript } = await projectModule('engines/flink/plan/script.js')
  const { parseCompiledPlan, printCompiledPlan } = await projectModule(
    'engines/flink/plan/compiled-plan.js',
  )
  const { setStateTtl } = await projectModule('engines/flink/plan/state-ttl.js')
  const { openFlinkCluster } = await projectModule('engines/flink/client/flink-cluster.js')
  const { openGateway } = await projectModule('engines/flink/client/gateway.js')
  const { openJobManager } = await projectModule('engines/flink/client/job-manager.js')

  const loaded = await loadProject(project, { env: {}, target: 'week' })
  const { target, config } = loaded
  const logic = await openLogic(loaded, { isDescribed: true })
  const graph = keepIncluded(logic.graph, target)
  const compiled = toCompileProject({ ...logic, graph }, config.timezone)
  const job = await compileProjectJob(compiled)
  const servers = describeServers(target.kafka, {}, target.registry)
  const names = createJobNames(PREFIX)
  const cluster = openFlinkCluster(
    openGateway({ url: stack.gateway }),
    openJobManager({ url: stack.manager }),
  )
  const print = (version) => {
    const settings = { parallelism: 1, checkpointMs: CHECKPOINT_MS }
    const properties = printJobProperties({ name: `${PREFIX}v${version}`, settings })
    return toJobScript(job, { ...servers, prefix: PREFIX, version }, properties)
  }
  const { plan, states } = setStateTtl(
    parseCompiledPlan(await cluster.compile(print(1))),
    graph.map(({ model }) => model),
  )
  const text = printCompiledPlan(plan)
  const side = (version, toTtl) => ({
    version,
    group: names.group(version),
    topics: job.sinks.map(({ model }) => names.topic(model.name, version)),
    start: () => cluster.start(print(version), replaceTtls(text, toTtl)),
  })
  return {
    cluster,
    states,
    sinks: job.sinks,
    topicOf: names.topic,
    sides: [side(1, (ms) => Math.round(ms / factor)), side(2, () => 0)],
  }
}

/** Times to live stand as `"ttl": "… ms"` and in the configuration of a node. */
function replaceTtls(text, toTtl) {
  return text.replace(
    /("(?:ttl|table\.exec\.state\.ttl)": )"(\d+) ms"/g,
    (_, name, ms) => `${name}"${toTtl(Number(ms))} ms"`,
  )
}

/** Sends each record when its time has come; the clock of the shop runs faster than that of the machine. */
export async function sendInTime({ stack, records, startMs, factor }) {
  const { openKafka } = await projectModule('adapters/kafka/connection.js')
  const kafka = await openKafka({ brokers: [stack.brokers] }, '.')
  try {
    const producer = await kafka.producer()
    for (let at = 0; at < records.length; await sleep(100)) {
      const nowMs = START_MS + (Date.now() - startMs) * factor
      let end = at
      while (end < records.length && end - at < 2_000 && records[end].dueMs <= nowMs) end++
      if (end === at) continue
      const messages = records
        .slice(at, end)
        .map(({ partition, key, value }) => ({ partition, key, value }))
      await producer.send({ topic: `${PREFIX}events.valid`, messages })
      at = end
    }
    const restMs = startMs + (DAYS * DAY_MS) / factor - Date.now()
    if (restMs > 0) await sleep(restMs)
  } finally {
    await kafka.close()
  }
}

/** Notes the size of each checkpoint, and of each part of the job in it. */
export function startSampling(manager, id) {
  const samples = []
  const get = async (path) => (await fetch(`${manager}/jobs/${id}${path}`)).json()
  const vertices = get('').then((job) => new Map(job.vertices.map((one) => [one.id, one.name])))
  let isOn = true
  const running = (async () => {
    for (let last = 0; isOn; await sleep(400)) {
      const found = (await get('/checkpoints')).latest?.completed
      if (!found || found.id === last) continue
      last = found.id
      const { tasks } = await get(`/checkpoints/details/${found.id}`)
      const parts = new Map()
      for (const [vertex, { state_size: bytes }] of Object.entries(tasks))
        parts.set((await vertices).get(vertex), bytes)
      samples.push({ atMs: found.trigger_timestamp, bytes: found.state_size, parts })
    }
  })()
  return {
    samples,
    async stop() {
      isOn = false
      await running
    },
  }
}

/** How many visitors had ever come by the end of each day. */
export function countVisitors(records) {
  const seen = new Set()
  const counts = new Array(DAYS).fill(0)
  for (const { dueMs, visitor } of records) {
    seen.add(visitor)
    counts[Math.min(DAYS - 1, Math.floor((dueMs - START_MS) / DAY_MS))] = seen.size
  }
  return counts
}

/** Waits until both jobs have read and committed all; returns seconds. */
export async function awaitDrained({ stack, sides }) {
  const { openKafka } = await projectModule('adapters/kafka/connection.js')
  const { openTopicAdmin } = await projectModule('adapters/kafka/topic-admin.js')
  const { openJobManager } = await projectModule('engines/flink/client/job-manager.js')
  const manager = openJobManager({ url: stack.manager })
  const admin = openTopicAdmin(await openKafka({ brokers: [stack.brokers] }, '.'))
  const startMs = Date.now()
  const lags = []
  try {
    for (const { id, group } of sides) {
      for (;;) {
        const progress = await admin.progress(`${PREFIX}events.valid`, group)
        if (progress.every((one) => (one.committed ?? 0) >= one.end)) break
        if (Date.now() - startMs > DRAINED_MAX_MS) throw new Error(`${group} has not caught up`)
        await sleep(500)
      }
      lags.push((Date.now() - startMs) / 1000)
      // Its last rows are visible after the next checkpoint.
      const { completed } = await manager.readCheckpoints(id)
      while ((await manager.readCheckpoints(id)).completed < completed + 2) await sleep(500)
    }
  } finally {
    await admin.close()
  }
  return lags
}
