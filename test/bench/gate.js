/**
 * `ccs gate` beside its broker: events.raw is filled first, with 5 % poison, then one process takes all of it to
 * events.valid and events.dlq. Records are counted on both sides, and events a second are taken from the first
 * commit to the last, so that starting and joining the group are left out. It needs a cluster:
 * CCS_TEST_BROKERS and CCS_TEST_REGISTRY.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { frames } from './export.js'
import { ccs, cpuSeconds, median, sleep, startCcs } from './measure.js'
import { projectModule, ROOT } from './project.js'
import { EVENTS_WRONG, goal, mb, number } from './report.js'

const PARTITIONS = 3
const SEND_BYTES = 900_000
const SCHEMA_ID_AT = 1

export const gate = {
  name: 'gate',
  title:
    'the gate in front of the engines: events.raw to events.valid and events.dlq, exactly once',
  events: { full: 1_000_000, quick: 200_000 },
  async run({ events, pairs, dir, say }) {
    const { CCS_TEST_BROKERS: brokers, CCS_TEST_REGISTRY: url } = process.env
    if (!brokers || !url) throw new Error('No cluster: set CCS_TEST_BROKERS and CCS_TEST_REGISTRY.')
    const { openKafka } = await projectModule('adapters/kafka/connection.js')
    const settings = { brokers: brokers.split(','), partitions: 1, replication: 1, retentionMs: -1 }
    const rows = []
    const rates = []
    const cpus = []
    let wrong = 0
    say(`writing a log of ${number(events)} events, 5 % of them broken`)
    const log = `${dir}/log`
    const range = ['--from', '2026-01-01', '--to', '2026-01-08', '--count', String(events)]
    const more = ['--seed', '7', '--invalid', '5%', '--partitions', String(PARTITIONS)]
    await ccs(['gen', '--data', log, ...range, ...more])
    for (let i = 0; i < pairs; i++) {
      // Of its own: kafkajs goes on asking for the topics that a connection knew, which are gone by then.
      const kafka = await openKafka(settings, '.')
      const parts = { kafka, brokers, url, dir: `${dir}/${i}`, log, events, say }
      const found = await once(parts).finally(() => kafka.close())
      wrong += found.wrong
      rates.push(found.rate)
      cpus.push(events / found.cpu)
      rows.push({
        run: i + 1,
        records: found.valid + found.dlq,
        valid: found.valid,
        rejected: found.dlq,
        'events per s': found.rate,
        'CPU s': found.cpu,
        'peak MB': mb(found.peakBytes),
      })
    }
    return {
      rows,
      goals: [
        goal('events a second through one gate', median(rates), '>= 15000'),
        goal(EVENTS_WRONG, wrong, '<= 0'),
      ],
      notes: [
        `${number(median(cpus))} events a CPU-second of the gate, start included; the broker runs on the same machine.`,
        `${PARTITIONS} partitions, one process; both sides are counted by a reader of committed records.`,
      ],
    }
  },
}

async function once({ kafka, brokers, url, dir, log, events, say }) {
  const prefix = `bench${randomBytes(4).toString('hex')}.`
  const topics = ['events.raw', 'events.valid', 'events.dlq'].map((name) => `${prefix}${name}`)
  const [raw, valid, dlq] = topics
  const admin = await kafka.admin()
  const { openConfluentRegistry } = await projectModule('adapters/registry/confluent.js')
  const { openFilesRegistry } = await projectModule('adapters/registry/files-registry.js')
  const registry = await openConfluentRegistry({ url })
  await mkdir(dir, { recursive: true })
  await symlink(`${ROOT}/schemas`, `${dir}/schemas`)
  await writeFile(
    `${dir}/ccs.yml`,
    `name: shop\ntargets:\n  there:\n    engine: embedded\n    prefix: ${prefix}\n    kafka: { brokers: "${brokers}" }\n    registry: { url: "${url}" }\n`,
  )
  try {
    const files = await openFilesRegistry(`${ROOT}/schemas`)
    const ids = []
    for (const topic of ['events.raw', 'events.dlq']) {
      const { schema, id } = (await files.versions(`${topic}-value`)).at(-1)
      const registered = await registry.register(`${prefix}${topic}-value`, schema)
      ids.push({ file: id, registry: registered.id })
    }
    const bytes = [{ name: 'max.message.bytes', value: '8388608' }]
    await admin.createTopics({
      topics: topics.map((topic) => ({ topic, numPartitions: PARTITIONS, configEntries: bytes })),
    })
    say(`filling ${raw}`)
    await fill(kafka, raw, log, ids[0])
    const before = await endOf(admin, raw)
    say('through the gate')
    const child = startCcs(['gate', '--project', dir, '--target', 'there', '--once', '--json'])
    const found = await watch(child, () => committed(admin, prefix, raw), before)
    await child.ended
    const { stdout, stderr } = child.output()
    const reported = JSON.parse(stdout || '{}')
    if (reported.records === undefined) throw new Error(`ccs gate failed:\n${stdout}${stderr}`)
    const counted = { valid: await count(kafka, valid), dlq: await count(kafka, dlq) }
    const wrong =
      Math.abs(events - counted.valid - counted.dlq) + Math.abs(reported.valid - counted.valid)
    return { ...found, ...counted, wrong }
  } finally {
    await admin.deleteTopics({ topics })
    await admin.deleteGroups([`${prefix}ccs.gate`]).catch(() => {})
    for (const topic of ['events.raw', 'events.dlq'])
      await registry.remove(`${prefix}${topic}-value`)
  }
}

/** Rate from the first commit to the last; CPU and memory as last seen. */
async function watch(child, position, end) {
  let first
  let last
  let cpu = 0
  let peakBytes = 0
  while (child.isAlive()) {
    const at = await position()
    const ms = performance.now()
    if (at > 0) first ??= { at, ms }
    if (at > (last?.at ?? 0)) last = { at, ms }
    try {
      cpu = cpuSeconds(child.pid)
      peakBytes = Math.max(peakBytes, child.peakBytes())
    } catch {
      break
    }
    if (at < end) await sleep(50)
    else await sleep(20)
  }
  return { rate: ((last.at - first.at) * 1000) / (last.ms - first.ms), cpu, peakBytes }
}

async function fill(kafka, topic, log, ids) {
  const producer = await kafka.producer()
  for await (const { partition, body } of frames(log, 'events.raw')) {
    let messages = []
    let bytes = 0
    const send = async () => {
      if (messages.length > 0) await producer.send({ topic, messages })
      messages = []
      bytes = 0
    }
    for (let at = 0; at < body.length; ) {
      const size = body.readUInt32LE(at)
      const value = Buffer.from(body.subarray(at + 4, at + 4 + size))
      // The registry of the cluster has given the schema another id.
      if (size > 5 && value[0] === 0 && value.readUInt32BE(SCHEMA_ID_AT) === ids.file)
        value.writeUInt32BE(ids.registry, SCHEMA_ID_AT)
      if (bytes + size > SEND_BYTES) await send()
      messages.push({ value, partition, key: `visitor-${messages.length}` })
      bytes += size
      at += 4 + size
    }
    await send()
  }
}

async function endOf(admin, topic) {
  const ranges = await admin.fetchTopicOffsets(topic)
  return ranges.reduce((sum, { high }) => sum + Number(high), 0)
}

async function committed(admin, prefix, raw) {
  const found = await admin.fetchOffsets({ groupId: `${prefix}ccs.gate`, topics: [raw] })
  return found[0].partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
}

async function count(kafka, topic) {
  let records = 0
  for (let partition = 0; partition < PARTITIONS; partition++)
    for (let offset = 0; ; ) {
      const options = { bytesMax: 4_000_000, waitMs: 0 }
      const found = await kafka.fetch(topic, partition, offset, options)
      records += found.records.length
      offset = found.nextOffset
      if (offset >= found.endOffset) break
    }
  return records
}
