/**
 * The contract of events.raw and events.dlq, compiled for imports: what a mapping may fill, how events and
 * rejects are encoded, and the pipeline's own gate to judge each event by.
 */
import { compileEncoder, type Encoder } from '../avro/encoder.ts'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import type { RejectedEvent } from '../events/contracts.ts'
import type { Rejection } from '../gate/contract-rules.ts'
import { Gate } from '../gate/gate.ts'
import { CcsError } from '../kernel/errors.ts'
import { type EventContract, readContract } from './mapping/event-contract.ts'
import type { EventFields } from './mapping/mapping-spec.ts'

export interface ImportContract {
  readonly event: EventContract
  readonly encodeEvent: Encoder<EventFields>
  readonly encodeReject: Encoder<RejectedEvent>
  /** The gate's judgement of an encoded event; undefined: it keeps the contract. */
  readonly validate: (record: Buffer, nowMs: number) => Rejection | undefined
}

export interface ImportContractOptions {
  /** All versions of the events' schema, oldest first; the newest is written. */
  readonly rawSchemas: readonly RegisteredSchema[]
  readonly dlqSchema: RegisteredSchema | undefined
  readonly recordBytesMax: number
  readonly futureToleranceMs: number
}

export function compileImportContract(options: ImportContractOptions): ImportContract {
  const { rawSchemas, dlqSchema, recordBytesMax, futureToleranceMs } = options
  const newest = rawSchemas.at(-1)
  if (newest === undefined || dlqSchema === undefined)
    throw new CcsError('CCS_SCHEMA_INVALID', 'There is no schema to import by.', {
      hint: 'schemas/ needs events.raw.avsc and events.dlq.avsc with their history.',
    })
  const gate = new Gate({ schemas: rawSchemas, recordBytesMax, futureToleranceMs })
  return {
    event: readContract(gate.record),
    encodeEvent: compileEncoder<EventFields>(newest.schema, newest.id),
    encodeReject: compileEncoder<RejectedEvent>(dlqSchema.schema, dlqSchema.id),
    validate: (record, nowMs) => {
      // The compiled judge first; only what it turns down is looked at slowly, for the reason.
      gate.source.load(record)
      const verdict = gate.decode(0, record.length, 0, nowMs + futureToleranceMs)
      gate.columns.discardRow(0)
      if (verdict === 1) return undefined
      const judgement = gate.validate(record, nowMs)
      return judgement.ok ? undefined : judgement
    },
  }
}
