/** Decoders of records: by the schema that a record names, or by trying the known ones. */

import type { RegisteredSchema, SchemaRegistry } from '../avro/schema-registry.ts'
import { compileRejectDecoder } from '../gate/reject-codec.ts'
import type { DecodedRecord, DecodeRecord } from '../log/decoded-record.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../log/topics.ts'
import { readSchemaId, WIRE_HEADER_BYTES } from '../log/wire-header.ts'
import type { DlqShowPorts } from './show-reject.ts'

/** Decodes records of events.dlq by any version of their schema; undefined if none fits. */
export async function openRejectDecoder(registry: SchemaRegistry): Promise<DlqShowPorts['decode']> {
  return compileRejectDecoder(await registry.versions(subjectFor(DLQ_TOPIC)))
}

/** Decodes by the schema id in a record's header; each schema is compiled once. */
export async function openRecordDecoder(registry: SchemaRegistry): Promise<DecodeRecord> {
  const decoders = new Map<number, Promise<(bytes: Uint8Array) => DecodedRecord>>()
  const { decodeKeyedRecord } = await import('../log/keyed-record.ts')
  return async (record) => {
    const keyed = decodeKeyedRecord(record)
    if (keyed && !keyed.value) {
      const key = Buffer.from(keyed.key).toString()
      return { schemaId: null, value: { key, is_gone: true } }
    }
    const bytes = keyed?.value ?? record
    const schemaId = readSchemaId(bytes)
    if (schemaId === null) return { schemaId, problem: 'no Confluent header' }
    let decoder = decoders.get(schemaId)
    if (!decoder) {
      decoder = registry.byId(schemaId).then((schema) => {
        if (schema) return decoderOf(schema)
        return () => ({ schemaId, problem: `unknown schema id ${schemaId}` })
      })
      decoders.set(schemaId, decoder)
    }
    return (await decoder)(bytes)
  }
}

async function decoderOf(schema: RegisteredSchema): Promise<(bytes: Uint8Array) => DecodedRecord> {
  const [{ compileRecordDecoder }, { parseRecordSchema, unwrapOptional }] = await Promise.all([
    import('../avro/record-decoder.ts'),
    import('../avro/schema.ts'),
  ])
  const { id: schemaId, subject, version } = schema
  const decode = compileRecordDecoder<Record<string, unknown>>(schema.schema, schemaId)
  const times = new Set<string>()
  for (const { name, type } of parseRecordSchema(schema.schema, subject).fields) {
    const { node } = unwrapOptional(type)
    if (node.kind === 'long' && node.logical === 'timestamp-millis') times.add(name)
  }
  return (bytes) => {
    const value = decode(bytes)
    if (!value) return { schemaId, problem: `not ${subject} version ${version}` }
    const readable = Object.entries(value).map(([name, one]) => {
      const isTime = times.has(name) && typeof one === 'number' && Math.abs(one) <= 8.64e15
      return [name, isTime ? new Date(one).toISOString() : one] as const
    })
    return { schemaId, value: Object.fromEntries(readable) }
  }
}

/** Tries the versions of events.raw, newest first, on bytes with any header and without one. */
export async function openAnySchemaDecoder(
  registry: SchemaRegistry,
): Promise<DlqShowPorts['decodeByAnySchema']> {
  return async (bytes) => {
    const schemas = [...(await registry.versions(subjectFor(RAW_TOPIC)))].reverse()
    for (const schema of schemas) {
      const decode = await decoderOf(schema)
      const header = Buffer.alloc(WIRE_HEADER_BYTES)
      header.writeInt32BE(schema.id, 1)
      const as = `${schema.subject} version ${schema.version}`
      for (const from of [WIRE_HEADER_BYTES, 0]) {
        const found = decode(Buffer.concat([header, bytes.subarray(from)]))
        if (found.value) return { ...found, as: from === 0 ? `${as}, without a header` : as }
      }
    }
    return undefined
  }
}

/** Decodes as much as possible: by the version in the header, else by whichever gets furthest. */
export async function openBeginningDecoder(
  registry: SchemaRegistry,
): Promise<DlqShowPorts['decodeBeginning']> {
  const [{ decodePartially }, { parseRecordSchema }, { toSqlValue }] = await Promise.all([
    import('../avro/partial-decoder.ts'),
    import('../avro/schema.ts'),
    import('./reject-table.ts'),
  ])
  return async (bytes) => {
    const versions = [...(await registry.versions(subjectFor(RAW_TOPIC)))].reverse()
    const id = readSchemaId(bytes)
    const named = versions.filter((one) => one.id === id)
    const readings = (named.length > 0 ? named : versions).flatMap((schema) => {
      const found = decodePartially(schema, bytes, id === null ? 0 : WIRE_HEADER_BYTES)
      if (!found) return []
      const { fields } = parseRecordSchema(schema.schema, schema.subject)
      const readable = fields
        .filter(({ name }) => name in found.value)
        .map(({ name, type }) => [name, toSqlValue(type, found.value[name])])
      const as = `${schema.subject} version ${schema.version}`
      return [{ as, ...found, value: Object.fromEntries(readable) }]
    })
    return readings.sort((a, b) => b.stopsAt - a.stopsAt)[0]
  }
}
