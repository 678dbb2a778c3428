/** Rejects of records that keep the contract. */
import type { FailingRecord } from '../../../domain/gate/failing-record.ts'
import type { Reject } from '../../../domain/gate/reject.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import { readSchemaId } from '../../../domain/log/wire-header.ts'

/** Of an event of a person who was erased: nothing of the record is kept. */
export function createErasedReject(
  place: Pick<Reject, 'topic' | 'partition' | 'offset' | 'appendMs'>,
): Reject {
  const message = 'Its person was erased: ccs erase.'
  return { reason: 'rule_violation', message, schemaId: null, bytes: Buffer.alloc(0), ...place }
}

/** Of a record that a model fails on. */
export function createFailedReject(
  { topic, partition, appendMs }: LogFrame,
  { offset, model, message }: FailingRecord,
  bytes: Buffer,
): Reject {
  const place = { topic, partition, offset, appendMs }
  const schemaId = readSchemaId(bytes)
  return { reason: 'model_failed', message, model, schemaId, bytes: Buffer.from(bytes), ...place }
}
