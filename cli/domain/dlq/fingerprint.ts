/**
 * A short name for a group of similar rejects, the same in every run and on every
 * machine: a hash of reason, kind of message and schema id. It starts with `f`, so that
 * it can't be mistaken for an offset.
 */
import { createHash } from 'node:crypto'
import type { RejectedEvent } from '../events/contracts.ts'
import { generalizeMessage } from './message-kind.ts'

/** What rejects of one group have in common; printed by `ccs dlq ls --json`. */
export interface RejectGroupKey {
  /** Reason code; `unreadable` for records of the topic that are not rejects. */
  readonly reason: string
  /** The message with its values replaced by `…`. */
  readonly kind: string
  /** null also for unknown ids: each would otherwise form a group of its own. */
  readonly schemaId: number | null
  readonly fingerprint: string
}

/** Returns the group of a reject; undefined stands for a record that is not a reject. */
export function groupReject(
  reject: Pick<RejectedEvent, 'reason' | 'message' | 'schema_id'> | undefined,
): RejectGroupKey {
  const reason = reject?.reason ?? 'unreadable'
  const kind = reject ? generalizeMessage(reject.message) : 'The record is not a reject.'
  const schemaId = reason === 'unknown_schema_id' ? null : (reject?.schema_id ?? null)
  const text = `${reason}\n${kind}\n${schemaId ?? ''}`
  const fingerprint = `f${createHash('sha256').update(text).digest('hex').slice(0, 7)}`
  return { reason, kind, schemaId, fingerprint }
}

/** Whether a text given by the user is a fingerprint and not an offset. */
export function isFingerprint(text: string): boolean {
  return /^f[0-9a-f]{7}$/.test(text)
}
