/**
 * Decodes Avro bytes, written with one version of a schema, into objects of another, and writes
 * Avro's container files. The one file that imports avsc, which believes any length it reads: check
 * bytes from elsewhere with inspector.ts first.
 */
import type { Buffer } from 'node:buffer'
import avro from 'avsc'

/** Decodes one value that fills the buffer; throws avsc's Error otherwise. Longs become bigints. */
export type ObjectReader = (bytes: Buffer) => Readonly<Record<string, unknown>>

/**
 * Takes two schemas as JSON text. Throws avsc's Error if records of `writer` can't be read as
 * `reader`.
 */
export function compileObjectReader(writer: string, reader: string): ObjectReader {
  const from = avro.Type.forSchema(JSON.parse(writer), options())
  const to = avro.Type.forSchema(JSON.parse(reader), options())
  const resolver = writer === reader ? undefined : to.createResolver(from)
  return (bytes) => to.fromBuffer(bytes, resolver)
}

/** Logical types are not converted: whoever reads the objects does that. */
function options(): Partial<avro.ForSchemaOptions> {
  const long = longs()
  const isLong = (schema: unknown) =>
    schema === 'long' ||
    (typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long')
  return { logicalTypes: {}, typeHook: (schema) => (isLong(schema) ? long : undefined) }
}

/** Longs as bigints, so that every 64-bit number is exact. */
function longs(): avro.types.LongType {
  return avro.types.LongType.__with({
    fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      const bytes = globalThis.Buffer.alloc(8)
      bytes.writeBigInt64LE(value)
      return bytes
    },
    fromJSON: (value: number | string) => BigInt(value),
    toJSON: (value: bigint) => value.toString(),
    isValid: (value: unknown) => typeof value === 'bigint',
    compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
  })
}

/** Records of a container file, and what its header says besides the schema. */
export interface ContainerFile {
  readonly schema: object
  readonly header: Readonly<Record<string, string>>
  readonly records: readonly object[]
}

/** The bytes of a container file; the schema in its header is as it was given. */
export function encodeContainer({ schema, header, records }: ContainerFile): Promise<Buffer> {
  const metadata = Object.fromEntries(
    Object.entries(header).map(([name, text]) => [name, globalThis.Buffer.from(text)]),
  )
  const options = { codec: 'deflate', metadata }
  const encoder = new avro.streams.BlockEncoder(schema as avro.Schema, options)
  const parts: Buffer[] = []
  return new Promise((resolve, reject) => {
    encoder.on('data', (part: Buffer) => parts.push(part))
    encoder.once('error', reject)
    encoder.once('end', () => resolve(globalThis.Buffer.concat(parts)))
    for (const record of records) encoder.write(record)
    encoder.end()
  })
}
