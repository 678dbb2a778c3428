/**
 * Records carry the registry's ids: Confluent's classes read those of ccs, and the gate reads
 * theirs.
 */
import {
  AvroDeserializer,
  AvroSerializer,
  SchemaRegistryClient,
  SerdeType,
} from '@confluentinc/schemaregistry'
import { expect } from 'vitest'
import { compileEncoder } from '../../cli/domain/avro/encoder.ts'
import type { RegisteredSchema } from '../../cli/domain/avro/schema-registry.ts'
import { EVENT_TYPES, type Event } from '../../cli/domain/events/contracts.ts'
import { Gate } from '../../cli/domain/gate/gate.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { readRemoteSchemas } from '../../cli/domain/schemas/remote-schemas.ts'
import {
  BASE_MS,
  GATE_OPTIONS,
  goodEvent,
  RAW_SCHEMA,
  registeredSchema,
  seeded,
} from '../fixtures/gate-events.ts'
import { registryTest } from '../fixtures/registry-test.ts'

const EVENTS = 40

/** An earlier version without `coupon`, and a later one by somebody else. */
const [OLDER, FOREIGN] = [
  (fields: { name: string }[]) => fields.filter((one) => one.name !== 'coupon'),
  (fields: { name: string }[]) => [...fields, { name: 'mood', type: 'string', default: '' }],
].map((change) => {
  const schema = JSON.parse(RAW_SCHEMA)
  return JSON.stringify({ ...schema, fields: change(schema.fields) })
}) as [string, string] // two changes make two texts

const FILES = [registeredSchema(OLDER, 1), registeredSchema(RAW_SCHEMA, 2)]

function recordOf(event: object, { schema, id }: RegisteredSchema): Buffer {
  const batch = new RecordBatch(512)
  compileEncoder<object>(schema, id)(batch, event)
  return Buffer.from(batch.body.subarray(4))
}

registryTest(
  'records of kept versions and of versions of others are read, whatever the ids',
  async (registry, prefix) => {
    const subject = `${prefix}events.raw-value`
    for (const text of [OLDER, RAW_SCHEMA, FOREIGN]) await registry.register(subject, text)
    const schemas = await readRemoteSchemas(registry, { subject, files: FILES, target: 'kafka' })
    expect(schemas.map((one) => one.version)).toEqual([1, 3, 2])
    expect(schemas.at(-1)?.schema).toBe(RAW_SCHEMA)
    const gate = new Gate({ ...GATE_OPTIONS, schemas })
    for (const one of schemas) {
      const event = { ...goodEvent(seeded(1)), mood: 'fine' }
      expect(gate.validate(recordOf(event, one), BASE_MS)).toMatchObject({
        ok: true,
        schemaId: one.id,
      })
    }
    expect(
      gate.validate(
        recordOf(goodEvent(seeded(1)), registeredSchema(RAW_SCHEMA, 2_000_000_000)),
        BASE_MS,
      ),
    ).toMatchObject({
      ok: false,
      reason: 'unknown_schema_id',
    })
  },
)

registryTest(
  'if the newest schema is not registered, the error says what to run',
  async (registry, prefix) => {
    const subject = `${prefix}events.raw-value`
    const ask = () => readRemoteSchemas(registry, { subject, files: FILES, target: 'staging' })
    await expect(ask()).rejects.toMatchObject({
      code: 'CCS_PLAN_CHANGES',
      exit: 3,
      message: `${subject} is not registered on target "staging".`,
      hint: 'ccs deploy --target staging',
    })
    await registry.register(subject, OLDER)
    await expect(ask()).rejects.toThrow(/lacks the newest version of the files/)
    await registry.register(subject, RAW_SCHEMA)
    expect((await ask()).length).toBe(2)
  },
)

registryTest(
  "what Confluent's serializer writes the gate reads, and what ccs writes its deserializer reads",
  async (registry, prefix, { registry: url }) => {
    const topic = `${prefix}events.raw`
    const subject = `${topic}-value`
    await registry.register(subject, RAW_SCHEMA)
    const schemas = await readRemoteSchemas(registry, { subject, files: FILES, target: 'kafka' })
    const newest = schemas.at(-1)
    if (!newest) throw new Error('one was registered')
    const gate = new Gate({ ...GATE_OPTIONS, schemas })
    const client = new SchemaRegistryClient({ baseURLs: [url] })
    const serializer = new AvroSerializer(client, SerdeType.VALUE, {
      useLatestVersion: true,
      autoRegisterSchemas: false,
    })
    const deserializer = new AvroDeserializer(client, SerdeType.VALUE, {})
    const random = seeded(7)
    const types = new Set<string>()
    for (let index = 0; index < EVENTS; index++) {
      const event = goodEvent(random, index)
      types.add(event.event_type)
      const theirs = await serializer.serialize(topic, event)
      const ours = recordOf(event, newest)
      expect(ours.equals(theirs)).toBe(true)
      expect(gate.validate(theirs, BASE_MS)).toMatchObject({ ok: true, schemaId: newest.id })
      const read: Event = await deserializer.deserialize(topic, ours)
      expect({ ...read, items: read.items?.map((one) => ({ ...one })) }).toEqual(event)
    }
    expect(types.size).toBeGreaterThan(EVENT_TYPES.length / 2)
  },
)
