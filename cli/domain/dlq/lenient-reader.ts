/**
 * Reads rejects as events, whatever rule they break: the bytes must be Avro of a known schema, but no value in
 * them need be allowed. Nothing is repaired by guesswork: which schema bytes are of says their header, or the
 * user (`--as-schema`).
 */
import { Buffer } from 'node:buffer'
import { compileObjectReader, type ObjectReader } from '../avro/codec.ts'
import { plain } from '../avro/record.ts'
import { parseRecordSchema } from '../avro/schema.ts'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { compileInspector, type Inspector } from '../avro/walk.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'

/** By the newest schema's fields; longs are numbers while they are safe, else bigint. */
export type LooseEvent = Readonly<Record<string, unknown>>

export type LooseReading = { readonly event: LooseEvent } | { readonly fault: string }

export type LooseReader = (bytes: Uint8Array) => LooseReading

const HEADER_BYTES = 5

/**
 * `schemas` are the versions of the topic, oldest first. With `as`, its schema is taken for every record: bytes
 * that begin with the 0 of a header are read from behind it, others from their beginning.
 */
export function compileLooseReader(
  schemas: readonly RegisteredSchema[],
  as?: RegisteredSchema,
): LooseReader {
  const newest = schemas.at(-1)
  if (!newest) throw new CcsError('CCS_SCHEMA_INVALID', 'There is no schema to read records by.')
  const versions = new Map(schemas.map((one) => [one.id, version(one, newest)]))
  const forced = as ? version(as, newest) : undefined
  if (as && forced && !forced.read)
    throw new CcsError(
      'CCS_USAGE_INVALID',
      `Records of schema ${as.id} (${as.subject}) cannot be read as ${newest.subject}: ${forced.why}.`,
      { exit: EXIT.usage, hint: 'Take the id of a version of the events: ccs schema list' },
    )
  return (bytes) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const isFramed = buffer.length >= HEADER_BYTES && buffer[0] === 0
    if (forced) return readBy(forced, buffer.subarray(isFramed ? HEADER_BYTES : 0))
    if (!isFramed) return { fault: 'It has no header that names its schema.' }
    const known = versions.get(buffer.readInt32BE(1))
    if (!known) return { fault: `No version of the schema has the id ${buffer.readInt32BE(1)}.` }
    return readBy(known, buffer.subarray(HEADER_BYTES))
  }
}

interface Version {
  readonly inspect: Inspector
  readonly read?: ObjectReader
  readonly why: string
}

function version(writer: RegisteredSchema, reader: RegisteredSchema): Version {
  const inspect = compileInspector(parseRecordSchema(writer.schema, writer.subject))
  try {
    return { inspect, read: compileObjectReader(writer.schema, reader.schema), why: '' }
  } catch (error) {
    return { inspect, why: error instanceof Error ? error.message : String(error) }
  }
}

function readBy({ inspect, read, why }: Version, body: Buffer): LooseReading {
  const broken = inspect(body, 0)
  if (broken !== undefined) return { fault: `${broken}.` }
  if (!read) return { fault: `${why}.` }
  try {
    // A record of a schema is an object.
    return { event: plain(read(body)) as LooseEvent }
  } catch (error) {
    // A symbol of the writer that the newest schema does not have, for one.
    return { fault: `${error instanceof Error ? error.message : String(error)}.` }
  }
}
