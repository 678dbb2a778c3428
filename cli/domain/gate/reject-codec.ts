/** The codec of events.dlq: rejected events as Avro in the Confluent wire format. */
import { compileEncoder } from '../avro/encoder.ts'
import { compileRecordDecoder } from '../avro/record-decoder.ts'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import type { RejectedEvent } from '../events/contracts.ts'
import type { RejectCodec } from './reject-writer.ts'

/** Compiles the codec of one version of the schema of events.dlq. */
export function compileRejectCodec({ schema, id }: RegisteredSchema): RejectCodec {
  return {
    encode: compileEncoder<RejectedEvent>(schema, id),
    decode: compileRecordDecoder<RejectedEvent>(schema, id),
  }
}
