/**
 * avsc, behind one function: objects from Avro bytes, written by one version of a schema and read by
 * another. The one file that imports it. Inspect bytes that come from elsewhere (avro-walk.ts) before they
 * get here: avsc believes any length it reads.
 */
import type { Buffer } from 'node:buffer'
import avro from 'avsc'

/** Decodes one value that fills the buffer; throws avsc's Error otherwise. Longs are bigint. */
export type ObjectReader = (bytes: Buffer) => Readonly<Record<string, unknown>>

/** Throws avsc's Error when records of `writer` cannot be read by `reader`. */
export function compileObjectReader(writer: string, reader: string): ObjectReader {
  const from = avro.Type.forSchema(JSON.parse(writer), options())
  const to = avro.Type.forSchema(JSON.parse(reader), options())
  const resolver = writer === reader ? undefined : to.createResolver(from)
  return (bytes) => to.fromBuffer(bytes, resolver)
}

/** Logical types are left to the reader of the objects. */
function options(): Partial<avro.ForSchemaOptions> {
  const long = longs()
  const isLong = (schema: unknown) =>
    schema === 'long' ||
    (typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long')
  return { logicalTypes: {}, typeHook: (schema) => (isLong(schema) ? long : undefined) }
}

/** Every 64-bit number without loss. */
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
