/**
 * A short name for rejects of one sort, the same over runs and machines: reason, kind of message, schema id. It
 * begins with `f`, so that it is never taken for an offset.
 */
import { createHash } from 'node:crypto'
import type { RejectedEvent } from '../events/contracts.ts'
import { generalizeMessage } from './message-kind.ts'

export interface RejectGroupKey {
  /** Reason code; `unreadable` for records of the topic that are no rejects. */
  readonly reason: string
  /** The message with its values replaced by `…`. */
  readonly kind: string
  /** An id that nobody knows is a value like any other and tells no sorts apart: null. */
  readonly schemaId: number | null
  readonly fingerprint: string
}

export function groupReject(
  reject: Pick<RejectedEvent, 'reason' | 'message' | 'schema_id'> | undefined,
): RejectGroupKey {
  const reason = reject?.reason ?? 'unreadable'
  const kind = reject ? generalizeMessage(reject.message) : 'The record is no reject.'
  const schemaId = reason === 'unknown_schema_id' ? null : (reject?.schema_id ?? null)
  const text = `${reason}\n${kind}\n${schemaId ?? ''}`
  const fingerprint = `f${createHash('sha256').update(text).digest('hex').slice(0, 7)}`
  return { reason, kind, schemaId, fingerprint }
}

export function isFingerprint(text: string): boolean {
  return /^f[0-9a-f]{7}$/.test(text)
}
