/** Fields with a class, on a real broker: what the gate passes on has pseudonyms, key included. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { openConfluentRegistry } from '../../cli/adapters/registry/confluent.ts'
import { compileEncoder } from '../../cli/domain/avro/encoder.ts'
import { compileRecordDecoder } from '../../cli/domain/avro/record-decoder.ts'
import { parseRecordSchema } from '../../cli/domain/avro/schema.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { listClassifiedFields } from '../../cli/domain/privacy/field-classes.ts'
import { parsePiiKeys } from '../../cli/domain/privacy/pii-keys.ts'
import { Pseudonymiser } from '../../cli/domain/privacy/pseudonymiser.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { withGateRig } from '../fixtures/gate-rig.ts'
import { shopEvent } from '../fixtures/shop-events.ts'

const CUSTOMER = 'canary-customer-7f3a'
const VISITOR = 'canary-visitor-91c2'
const CITY = 'canary-city'
const AT = Date.UTC(2026, 0, 5, 12)

clusterTest('events.valid has pseudonyms only, those that rows have', async (cluster, prefix) => {
  await withGateRig(cluster, prefix, async (rig) => {
    const there = ['--project', rig.dir, '--target', 'there']
    const rotated = await runCcs(['pii', 'rotate', ...there, '--json'])
    const { file } = JSON.parse(rotated.stdout)
    const classes = { customer_id: 'hash', anonymous_id: 'hash', geo_city: 'drop' }
    const text = Object.entries(classes).reduce(
      (schema, [name, pii]) =>
        schema.replace(`"name": "${name}"`, `"name": "${name}", "pii": "${pii}"`),
      readFileSync(path.join(ROOT, 'schemas/events.raw.avsc'), 'utf8'),
    )
    const schemas = path.join(rig.dir, 'schemas')
    rmSync(schemas)
    cpSync(path.join(ROOT, 'schemas'), schemas, { recursive: true })
    writeFileSync(path.join(schemas, 'events.raw.avsc'), text)
    writeFileSync(path.join(schemas, 'history/events.raw/3.id21.avsc'), text)
    const registry = await openConfluentRegistry({ url: cluster.registry })
    const classified = await registry.register(`${prefix}events.raw-value`, text)
    const event = shopEvent('canary', AT, {
      ...{ anonymous_id: VISITOR, customer_id: CUSTOMER, geo_city: CITY },
    })
    // One by the schema of before, one by the classified one.
    const encode = ({ schema, id }: typeof classified) => {
      const write = compileEncoder<Event>(schema, id)
      return Buffer.from(new RecordBatch().encodeOne((batch) => write(batch, event)))
    }
    const producer = await rig.kafka.producer()
    await producer.send({
      topic: `${prefix}events.raw`,
      messages: [rig.schema, classified].map((schema) => {
        return { key: VISITOR, value: encode(schema), partition: 0 }
      }),
    })
    const gate = rig.gate('--once', '--json')
    expect(await gate.ended, gate.output()).toBe(0)
    expect(JSON.parse(gate.output())).toMatchObject({ valid: 2, rejected: 0 })

    const fields = listClassifiedFields(parseRecordSchema(text))
    const keys = parsePiiKeys(readFileSync(file, 'utf8'), file)
    const pseudonymiser = new Pseudonymiser({ fields, keys, placeholderIds: [] })
    const [customer] = pseudonymiser.listValues('customer_id', CUSTOMER)
    const [visitor] = pseudonymiser.listValues('anonymous_id', VISITOR)
    const limits = { bytesMax: 1_000_000, bytesMin: 1, waitMs: 1_000 }
    const { records } = await rig.kafka.fetch(`${prefix}events.valid`, 0, 0, limits)
    const decode = compileRecordDecoder<Record<string, unknown>>(text, classified.id)
    expect(records).toHaveLength(2)
    for (const { key, value } of records) {
      expect(key?.toString()).toBe(visitor)
      const bytes = value ?? Buffer.alloc(0)
      for (const plain of [CUSTOMER, VISITOR, CITY]) expect(bytes.includes(plain)).toBe(false)
      const { event_id } = event
      const expected = { event_id, customer_id: customer, anonymous_id: visitor, geo_city: null }
      expect(decode(bytes)).toMatchObject(expected)
    }
  })
})
