/** Reads records of events.raw as objects and writes changed ones, valid by the same rules. */
import { Buffer } from 'node:buffer'
import { compileEncoder } from '../avro/encoder.ts'
import type { EventCodec } from '../erase/anonymise-event.ts'
import { CcsError } from '../kernel/errors.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { Gate, type GateOptions } from './gate.ts'

/** Records are written by the newest schema. CCS_SCHEMA_INVALID as of Gate. */
export function openEventCodec(options: GateOptions): EventCodec {
  const gate = new Gate(options)
  const newest = options.schemas.at(-1)
  // Gate has thrown if there is none.
  const encode = compileEncoder(newest?.schema ?? '', newest?.id ?? 0)
  const batch = new RecordBatch(4096)
  return {
    record: gate.record,
    decode: (bytes, appendMs) => {
      const result = gate.validate(bytes, appendMs)
      return result.ok ? result.event : undefined
    },
    encode: (event, appendMs) => {
      try {
        const bytes = Buffer.from(batch.encodeOne((into) => encode(into, event)))
        return gate.validate(bytes, appendMs).ok ? bytes : undefined
      } catch (error) {
        // A field of a type that has no value to put.
        if (error instanceof CcsError && error.code === 'CCS_SCHEMA_INVALID') return undefined
        throw error
      }
    },
  }
}
