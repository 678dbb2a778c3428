/** The project's connectors/*.json on a real Kafka Connect: what they write, and how they fail. */
import { expect } from 'vitest'
import { openSinks } from '../../cli/app/sinks.ts'
import { diffConnector } from '../../cli/domain/connectors/connector-diff.ts'
import { findSink, listSinks, readSinkOffsets } from '../../cli/domain/connectors/sinks.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { CcsError } from '../../cli/domain/kernel/errors.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { applyConnector } from '../fixtures/apply-connector.ts'
import { type SinkRig, shopEvents, sinkTest } from '../fixtures/sink-rig.ts'

const LIMITS = { timeoutMs: 90_000 }
const COUNT = 3_000

/** The columns of Bronze, in its order. */
const COLUMNS = `event_id, event_type, epoch_ms(event_ts) AS event_ts, epoch_ms(sent_ts) AS sent_ts,
  epoch_ms(received_ts) AS received_ts, anonymous_id, customer_id, session_id, page, page_title, page_url,
  referrer, utm_source, utm_medium, utm_campaign, device, user_agent, bot_hint, geo_city, geo_country, source,
  currency, consent, search_term, results_count, payment_type, order_id, coupon, tax_minor, shipping_minor,
  discount_minor, refund_minor, items`

sinkTest('the Bronze sink writes each event once and complete, by its UTC day', async (rig) => {
  const topic = await rig.topic('events.valid')
  const encode = await rig.encoder<Event>(topic, schemaOf(rig, 'events.raw'))
  const events = shopEvents(COUNT, 11)
  const producer = await rig.kafka.producer({ transactionalId: `${rig.target.prefix}gate` })
  const send = async (some: readonly Event[], isKept: boolean) => {
    const transaction = await producer.transaction()
    const messages = some.map((event) => ({ key: event.anonymous_id, value: encode(event) }))
    await transaction.send({ topic, messages })
    await (isKept ? transaction.commit() : transaction.abort())
  }
  await send(events.slice(0, 1_000), true)
  await send(shopEvents(50, 12), false)

  const sink = await rig.connector('bronze-iceberg')
  expect(await applyConnector(rig.ports, sink, LIMITS)).toBe('created')
  expect(await applyConnector(rig.ports, sink, LIMITS)).toBe('unchanged')
  await rig.ports.connect.pause(sink.name)
  await send(events.slice(1_000, 2_000), true)
  expect(await applyConnector(rig.ports, sink, LIMITS)).toBe('resumed')

  const slower = { ...sink.config, 'tasks.max': '2', 'iceberg.tables': 'elsewhere' }
  await rig.ports.connect.put(sink.name, slower)
  const altered = await findSink(rig.ports.connect, 'bronze-iceberg', rig.target.prefix)
  expect(diffConnector(sink, altered.config).map((one) => one.key)).toEqual([
    'iceberg.tables',
    'tasks.max',
  ])
  expect(await applyConnector(rig.ports, sink, LIMITS)).toBe('changed')

  await rig.ports.connect.remove(sink.name)
  const sources = { chosen: [sink], skipped: [], log: undefined }
  const [gone] = await listSinks(rig.ports.connect, sources)
  expect(gone).toMatchObject({ name: sink.name, state: 'ABSENT' })
  await send(events.slice(2_000), true)
  expect(await applyConnector(rig.ports, sink, LIMITS)).toBe('created')

  const table = `${rig.target.prefix.replace('.', '/')}bronze/events`
  const rows = await rig.rows(
    table,
    `SELECT ${COLUMNS}, topic, partition, "offset", dt FROM TABLE`,
    (found) => found.length >= COUNT,
  )
  const places = rows.map((row) => `${row.partition}:${row.offset}`)
  expect(new Set(places).size).toBe(rows.length)
  const byId = (a: { event_id?: unknown }, b: { event_id?: unknown }) =>
    String(a.event_id) < String(b.event_id) ? -1 : 1
  const written = rows.map(({ topic: _topic, partition, offset, ...row }) => row).sort(byId)
  const expected = events.map((event) => ({
    ...event,
    dt: new Date(event.event_ts).toISOString().slice(0, 10),
  }))
  expect(written).toEqual(expected.sort(byId))
  const folders = await rig.rows(
    table,
    "SELECT DISTINCT dt, regexp_extract(filename, '/dt=([^/]+)/', 1) AS folder FROM TABLE",
    () => true,
  )
  expect(folders.length).toBeGreaterThan(2)
  const open = await openSinks({ ...rig.project, target: rig.target, env: {} })
  try {
    const state = await findSink(open.connect, sink.name, rig.target.prefix)
    const partitions = await readSinkOffsets(open.connect, state, open.log)
    // One record remains: the marker of the last transaction.
    expect(partitions.map((one) => one.lag)).toEqual([1, 1, 1])
    const listed = await listSinks(open.connect, { ...sources, log: open.log })
    expect(listed.find((one) => one.name === sink.name)).toMatchObject({ lag: 3, changes: [] })
  } finally {
    await open.close()
  }
  expect(folders.filter((one) => one.dt !== one.folder)).toEqual([])
})

sinkTest('an invalid record stops a sink or, if tolerated, is dead-lettered', async (rig) => {
  const topic = await rig.topic('events.raw', 1)
  const encode = await rig.encoder<Event>(topic, schemaOf(rig, 'events.raw'))
  const events = shopEvents(200, 13)
  const producer = await rig.kafka.producer()
  const values = events.map(encode)
  const poison = [Buffer.from('no Avro at all'), Buffer.from([0, 0, 99, 99, 99, 1, 2])]
  values.splice(20, 0, ...poison)
  await producer.send({ topic, messages: values.map((value) => ({ value })) })

  const strict = await rig.connector('bronze-iceberg', { SINK_TOPIC: 'events.raw' })
  const death = await applyConnector(rig.ports, strict, LIMITS).catch((error) => error)
  expect(death).toBeInstanceOf(CcsError)
  expect(death.code).toBe('CCS_CONNECTOR_FAILED')
  expect(death.message).toMatch(/task 0: .*Tolerance exceeded[\s\S]*Caused by/)

  const lenient = await rig.connector('bronze-iceberg', {
    SINK_TOPIC: 'events.raw',
    SINK_TOLERANCE: 'all',
  })
  expect(await applyConnector(rig.ports, lenient, LIMITS)).toBe('changed')
  const table = `${rig.target.prefix.replace('.', '/')}bronze/events`
  const rows = await rig.rows(table, 'SELECT event_id FROM TABLE', (found) => found.length >= 200)
  expect(rows.map((row) => row.event_id).sort()).toEqual(events.map((one) => one.event_id).sort())
  // The record that stopped the strict sink was reported as well: Connect promises at least once.
  const { records } = await rig.kafka.fetch(`${rig.target.prefix}sink.rejected`, 0, 0, {
    bytesMax: 100_000,
    waitMs: 1_000,
  })
  expect(new Set(records.map(({ value }) => value?.toString('hex')))).toEqual(
    new Set(poison.map((value) => value.toString('hex'))),
  )
  expect(await sinkCommand(rig, ['restart', lenient.name])).toEqual({
    target: 'kafka',
    name: lenient.name,
    state: 'RUNNING',
  })
  expect(await sinkCommand(rig, ['offsets', lenient.name])).toEqual({
    target: 'kafka',
    name: lenient.name,
    partitions: [{ topic, partition: 0, committed: 202, end: 202, lag: 0 }],
  })
  const { sinks } = await sinkCommand(rig, ['ls'])
  expect(sinks).toContainEqual(
    expect.objectContaining({ name: lenient.name, file: null, state: 'RUNNING', lag: 0 }),
  )
  expect(sinks).toContainEqual(
    expect.objectContaining({ file: 'connectors/bronze-s3.json', state: 'SKIPPED' }),
  )
  const state = { name: lenient.name, config: lenient.config }
  expect(await readSinkOffsets(rig.ports.connect, state, undefined)).toMatchObject([
    { topic, partition: 0, committed: 202 },
  ])
})

sinkTest('Connect’s own errors are all reported before anything is changed', async (rig) => {
  const sink = await rig.connector('bronze-iceberg')
  const { 'transforms.dt.target.type': _gone, ...rest } = sink.config
  const config = { ...rest, 'tasks.max': 'many', 'transforms.day.source.field': '' }
  const refused = await applyConnector(rig.ports, { ...sink, config }, LIMITS).catch(
    (error) => error,
  )
  expect(refused.code).toBe('CCS_CONNECTOR_INVALID')
  const messages = [refused, ...refused.others].map((one: CcsError) => one.message).join('\n')
  expect(messages).toMatch(/tasks\.max/)
  expect(messages).toMatch(/transforms\.dt\.target\.type/)
  const names = (await rig.ports.connect.connectors()).map((one) => one.name)
  expect(names).not.toContain(sink.name)
  const nowhere = rig.ports.connect.pause(`${sink.name}-nowhere`)
  await expect(nowhere).rejects.toMatchObject({ code: 'CCS_CONNECTOR_MISSING' })
})

sinkTest('the Silver sink writes each topic to a table of its name, by event_date', async (rig) => {
  const dayMs = 86_400_000
  const atMs = Date.parse('2026-03-29T23:59:59.999Z')
  const order = (id: number) => ({
    event_id: `event-${id}`,
    order_id: `order-${id}`,
    event_time: (atMs + id * dayMs) * 1000,
    total: Buffer.from([0x04, 0xd2]),
    event_date: Math.floor(atMs / dayMs) + id,
  })
  const refund = {
    event_id: 'event-9',
    order_id: 'order-0',
    event_date: Math.floor(atMs / dayMs),
  }
  const producer = await rig.kafka.producer()
  const send = async (name: string, records: readonly object[]) => {
    const topic = await rig.topic(name)
    const encode = await rig.encoder<object>(topic, schemaOf(rig, name))
    await producer.send({ topic, messages: records.map((one) => ({ value: encode(one) })) })
  }
  await send('silver.orders', [order(0), order(1), order(2)])
  await send('silver.refunds', [refund])
  const sink = await rig.connector('silver-iceberg')
  expect(await applyConnector(rig.ports, sink, LIMITS)).toBe('created')
  const select = `SELECT order_id, epoch_ms(event_time) AS at, total::VARCHAR AS total, event_date::VARCHAR AS day,
    regexp_extract(filename, '/event_date=([^/]+)/', 1) AS folder FROM TABLE ORDER BY ALL`
  const table = (name: string) => `${rig.target.prefix.replace('.', '/')}silver/${name}`
  const orders = await rig.rows(table('orders'), select, (found) => found.length >= 3)
  expect(orders).toEqual(
    ['2026-03-29', '2026-03-30', '2026-03-31'].map((day, id) => ({
      order_id: `order-${id}`,
      at: atMs + id * dayMs,
      total: '12.34',
      day,
      folder: day,
    })),
  )
  const refunds = await rig.rows(
    table('refunds'),
    'SELECT event_id FROM TABLE',
    (found) => found.length > 0,
  )
  expect(refunds).toEqual([{ event_id: 'event-9' }])
})

/** Runs `ccs sink … --target kafka --json` with the rig's servers as that target. */
async function sinkCommand(rig: SinkRig, args: readonly string[]) {
  const { kafka, registry, connect } = rig.target
  const env = {
    KAFKA_BROKERS: kafka?.brokers.join(',') ?? '',
    SCHEMA_REGISTRY_URL: registry?.url ?? '',
    KAFKA_CONNECT_URL: connect?.url ?? '',
  }
  const { code, stdout } = await runCcs(['sink', ...args, '--target', 'kafka', '--json'], { env })
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

function schemaOf(rig: SinkRig, topic: string): string {
  const file = rig.project.schemas.find((one) => one.file === `schemas/${topic}.avsc`)
  return file?.text ?? ''
}
