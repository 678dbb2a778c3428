/** How events of persons who were erased are refused, whoever takes them in. */
import { Buffer } from 'node:buffer'
import { type ErasedIds, ID_FIELD, PERSON_KINDS } from '../erase/erased-ids.ts'
import type { Decoded } from './contract-rules.ts'
import type { Reject } from './reject.ts'

/** The reject without its place: nothing of the record is kept. */
export const ERASED_REJECT: Pick<Reject, 'reason' | 'message' | 'schemaId' | 'bytes'> = {
  reason: 'rule_violation',
  message: 'Its person was erased: ccs erase.',
  schemaId: null,
  bytes: Buffer.alloc(0),
}

/** Whether the event is one of a person who was erased. */
export function isOfErased(event: Decoded, erased: ErasedIds): boolean {
  return PERSON_KINDS.some((kind) => {
    const id = event[ID_FIELD[kind]]
    return typeof id === 'string' && erased.has(kind, Buffer.from(id))
  })
}
