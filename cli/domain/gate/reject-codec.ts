/** The codec of events.dlq: rejected events as Avro in the Confluent wire format. */
import { compileEncoder } from '../avro/encoder.ts'
import { compileRecordDecoder } from '../avro/record-decoder.ts'
import { type RegisteredSchema, requireNewest } from '../avro/schema-registry.ts'
import type { RejectedEvent } from '../events/contracts.ts'
import { CcsError } from '../kernel/errors.ts'
import { DLQ_TOPIC } from '../log/topics.ts'
import type { RejectCodec } from './reject-writer.ts'

/**
 * Compiles the codec of events.dlq from all versions of its schema, oldest first: it encodes by the
 * newest and decodes records of each. Throws CCS_SCHEMA_INVALID without a version.
 */
export function compileRejectCodec(versions: readonly RegisteredSchema[]): RejectCodec {
  const newest = requireNewest(versions, DLQ_TOPIC)
  const encode = compileEncoder<RejectedEvent>(newest.schema, newest.id)
  const isOld = !newest.schema.includes('"model_failed"')
  return {
    encode: (batch, record) => {
      if (isOld && record.model !== null) throw cannotSetAside(record)
      encode(batch, record)
    },
    decode: compileRejectDecoder(versions),
  }
}

/** The project's schema is that of an older ccs. */
function cannotSetAside({ message }: RejectedEvent): CcsError {
  return new CcsError(
    'CCS_SCHEMA_INVALID',
    `A record can't be set aside in ${DLQ_TOPIC}, whose schema has no such reason: ${message}`,
    {
      hint:
        'In schemas/events.dlq.avsc, add "model_failed" to the symbols of reason, and the field\n' +
        '{ "name": "model", "type": ["null", "string"], "default": null }; keep it as a new\n' +
        'version (ccs schema check says how), then: ccs deploy',
    },
  )
}

/**
 * Decodes records of any version, with the fields of the newest; undefined for bytes that are not a
 * RejectedEvent.
 */
export function compileRejectDecoder(
  versions: readonly RegisteredSchema[],
): (bytes: Uint8Array) => RejectedEvent | undefined {
  const newest = versions.at(-1)
  const decoders = versions
    .map(({ schema, id }) => compileRecordDecoder<RejectedEvent>(schema, id, newest?.schema))
    .reverse()
  return (bytes) => {
    for (const decode of decoders) {
      const reject = decode(bytes)
      if (reject) return reject
    }
    return undefined
  }
}
