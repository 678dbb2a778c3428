/** Rejects of records that keep the contract, but that a model fails on. */
import type { FailingRecord } from '../../../domain/gate/failing-record.ts'
import type { Reject } from '../../../domain/gate/reject.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import { readSchemaId } from '../../../domain/log/wire-header.ts'

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
