/**
 * Reads rejects as events whatever rule they break: the bytes must be Avro of a known
 * schema, but the values may be invalid. Nothing is guessed; the header or the user
 * (`--as-schema`) names the schema.
 */
import { Buffer } from 'node:buffer'
import { compileInspector, type Inspector } from '../avro/inspector.ts'
import { compileObjectReader, type ObjectReader } from '../avro/object-reader.ts'
import { convertSafeLongs } from '../avro/record-decoder.ts'
import { parseRecordSchema } from '../avro/schema.ts'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { CcsError } from '../kernel/errors.ts'
import { readSchemaId, WIRE_HEADER_BYTES } from '../log/wire-header.ts'

/** Fields of the newest schema; longs are numbers up to 2^53, else bigint. */
export type UnvalidatedEvent = Readonly<Record<string, unknown>>

/** An event, or a sentence that says why the bytes can't be read. */
export type LenientResult = { readonly event: UnvalidatedEvent } | { readonly fault: string }

/** Never throws for bad bytes. */
export type LenientReader = (bytes: Uint8Array) => LenientResult

/**
 * `schemas` are the topic's versions, oldest first. With `as`, every record is read with that
 * schema: bytes with a header are read from after it, others from the beginning. CCS_USAGE_INVALID
 * if records of `as` can't be read as events.
 */
export function compileLenientReader(
  schemas: readonly RegisteredSchema[],
  as?: RegisteredSchema,
): LenientReader {
  const newest = schemas.at(-1)
  if (!newest) throw new CcsError('CCS_SCHEMA_INVALID', 'There is no schema to read records with.')
  const versions = new Map(schemas.map((one) => [one.id, compileVersion(one, newest)]))
  const forced = as ? compileVersion(as, newest) : undefined
  if (as && forced && !forced.read)
    throw new CcsError(
      'CCS_USAGE_INVALID',
      `Schema ${as.id} (${as.subject}) cannot be read as ${newest.subject}: ${forced.why}.`,
      { hint: 'Use the id of a version of events.raw-value: ccs schema list' },
    )
  return (bytes) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const id = readSchemaId(buffer)
    if (forced) return readWith(forced, buffer.subarray(id === null ? 0 : WIRE_HEADER_BYTES))
    if (id === null) return { fault: 'It has no header with a schema id.' }
    const known = versions.get(id)
    if (!known) return { fault: `No version of the schema has the id ${id}.` }
    return readWith(known, buffer.subarray(WIRE_HEADER_BYTES))
  }
}

interface Version {
  readonly inspect: Inspector
  readonly read?: ObjectReader
  readonly why: string
}

function compileVersion(writer: RegisteredSchema, reader: RegisteredSchema): Version {
  const inspect = compileInspector(parseRecordSchema(writer.schema, writer.subject))
  try {
    return { inspect, read: compileObjectReader(writer.schema, reader.schema), why: '' }
  } catch (error) {
    return { inspect, why: error instanceof Error ? error.message : String(error) }
  }
}

function readWith({ inspect, read, why }: Version, body: Buffer): LenientResult {
  const broken = inspect(body, 0)
  if (broken !== undefined) return { fault: `${broken}.` }
  if (!read) return { fault: `${why}.` }
  try {
    // A record's value is an object.
    return { event: convertSafeLongs(read(body)) as UnvalidatedEvent }
  } catch (error) {
    // For example an enum symbol that the newest schema doesn't have.
    return { fault: `${error instanceof Error ? error.message : String(error)}.` }
  }
}
