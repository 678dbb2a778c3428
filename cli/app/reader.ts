/** Composition of the commands that only read the log: the log itself, and schemas to decode records by. */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { RegisteredSchema, SchemaRegistry } from '../domain/avro/schema-registry.ts'
import type { DlqShowPorts } from '../domain/dlq/show-reject.ts'
import type { DecodedRecord, DecodeRecord } from '../domain/log/decoded-record.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../domain/log/topics.ts'
import { readSchemaId, WIRE_HEADER_BYTES, writeWireHeader } from '../domain/log/wire-header.ts'
import type { TailPorts } from '../domain/query/tail.ts'
import type { Project } from '../project.ts'
import { openProjectStore, openRegistry } from './targets/log.ts'

export interface OpenTail extends Omit<TailPorts, 'emit'> {
  close(): Promise<void>
}

export async function openTail(project: Project): Promise<OpenTail> {
  const { log } = await openProjectStore(project)
  const decode = await openDecoder(await openRegistry(project))
  return { log, clock: systemClock(), decode, close: () => log.close() }
}

/** Decodes records of events.dlq by whichever version of its schema fits; undefined for bytes that are no reject. */
export async function openRejectDecoder(project: Project): Promise<DlqShowPorts['decode']> {
  const [{ compileRecordDecoder }, registry] = await Promise.all([
    import('../domain/avro/record-decoder.ts'),
    openRegistry(project),
  ])
  type Reject = import('../domain/events/contracts.ts').RejectedEvent
  const decoders = (await registry.versions(subjectFor(DLQ_TOPIC)))
    .map(({ schema, id }) => compileRecordDecoder<Reject>(schema, id))
    .reverse()
  return (bytes) => {
    for (const one of decoders) {
      const reject = one(bytes)
      if (reject) return reject
    }
    return undefined
  }
}

/** Decodes by the schema id that a record carries; each schema is compiled once. */
async function openDecoder(registry: SchemaRegistry): Promise<DecodeRecord> {
  const decoders = new Map<number, Promise<(bytes: Uint8Array) => DecodedRecord>>()
  const { decodeKeyedRecord } = await import('../domain/log/keyed-record.ts')
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
    import('../domain/avro/record-decoder.ts'),
    import('../domain/avro/schema.ts'),
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

/** Tries the versions of events.raw, newest first: on bytes with a header, whatever its id, and without. */
export async function openGuess(
  registry: SchemaRegistry,
): Promise<DlqShowPorts['decodeByAnySchema']> {
  return async (bytes) => {
    const schemas = [...(await registry.versions(subjectFor(RAW_TOPIC)))].reverse()
    for (const schema of schemas) {
      const decode = await decoderOf(schema)
      const header = Buffer.alloc(WIRE_HEADER_BYTES)
      writeWireHeader(header, 0, schema.id)
      const as = `${schema.subject} version ${schema.version}`
      for (const from of [WIRE_HEADER_BYTES, 0]) {
        const found = decode(Buffer.concat([header, bytes.subarray(from)]))
        if (found.value) return { ...found, as: from === 0 ? `${as}, without a header` : as }
      }
    }
    return undefined
  }
}

/** The reading that gets furthest: by the version the bytes name, else by each, newest first. */
export async function openGuessPart(
  registry: SchemaRegistry,
): Promise<DlqShowPorts['decodeBeginning']> {
  const [{ decodePartially }, { parseRecordSchema }, { toSqlValue }] = await Promise.all([
    import('../domain/avro/partial-decoder.ts'),
    import('../domain/avro/schema.ts'),
    import('../domain/dlq/reject-table.ts'),
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
