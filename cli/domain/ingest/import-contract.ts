/**
 * The schemas of events.raw and events.dlq, compiled for imports: what a mapping can fill, how
 * events and rejects are encoded, and the pipeline's own gate, which validates each event.
 */
import { compileEncoder, type Encoder } from '../avro/encoder.ts'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import type { RejectedEvent } from '../events/contracts.ts'
import type { Rejection } from '../gate/contract-rules.ts'
import { Gate } from '../gate/gate.ts'
import { CcsError } from '../kernel/errors.ts'
import { type EventContract, readContract } from './mapping/event-contract.ts'
import type { EventFields } from './mapping/mapping-spec.ts'

/** What imports and replays need to know of the schemas. */
export interface ImportContract {
  readonly event: EventContract
  /** Of the schema that events are written with. */
  readonly schemaId: number
  readonly encodeEvent: Encoder<EventFields>
  readonly encodeReject: Encoder<RejectedEvent>
  /** Validates an encoded event as the gate does; undefined: it is valid. */
  readonly validate: (record: Buffer, nowMs: number) => Rejection | undefined
  /** As `validate`; returns the corrected time of a valid event, ms since 1970. */
  readonly readEventMs: (record: Buffer, nowMs: number) => number | Rejection
  /** The id of a valid event; undefined for any other record. */
  readonly readEventId: (record: Buffer) => string | undefined
}

/** Schemas and limits, as the pipeline's gate has them. */
export interface ImportContractOptions {
  /** All versions of the events' schema, oldest first; events are written with the newest. */
  readonly rawSchemas: readonly RegisteredSchema[]
  readonly dlqSchema: RegisteredSchema | undefined
  readonly recordBytesMax: number
  readonly futureToleranceMs: number
}

/** Throws CCS_SCHEMA_INVALID if one of the two schemas is missing. */
export function compileImportContract(options: ImportContractOptions): ImportContract {
  const { rawSchemas, dlqSchema, recordBytesMax, futureToleranceMs } = options
  const newest = rawSchemas.at(-1)
  if (newest === undefined || dlqSchema === undefined)
    throw new CcsError('CCS_SCHEMA_INVALID', 'The schemas that imports need are missing.', {
      hint: 'schemas/ needs events.raw.avsc and events.dlq.avsc with their history.',
    })
  const gate = new Gate({ schemas: rawSchemas, recordBytesMax, futureToleranceMs })
  const readEventMs = (record: Buffer, nowMs: number) => {
    // The fast decoder first; only a record that it rejects is read by the
    // slow one, for the reason.
    gate.source.load(record)
    const outcome = gate.decode(0, record.length, 0, nowMs + futureToleranceMs)
    gate.columns.discardRow(0)
    // A single-element array always has its element.
    if (outcome === 1) return gate.decoded.eventMs[0] as number
    const result = gate.validate(record, nowMs)
    return result.ok ? result.eventMs : result
  }
  return {
    event: readContract(gate.record),
    schemaId: newest.id,
    encodeEvent: compileEncoder<EventFields>(newest.schema, newest.id),
    encodeReject: compileEncoder<RejectedEvent>(dlqSchema.schema, dlqSchema.id),
    readEventMs,
    readEventId: (record) => {
      const result = gate.validate(record, Number.MAX_SAFE_INTEGER)
      return result.ok ? String(result.event.event_id) : undefined
    },
    validate: (record, nowMs) => {
      const result = readEventMs(record, nowMs)
      return typeof result === 'number' ? undefined : result
    },
  }
}
