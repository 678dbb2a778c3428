/** Which records of a batch don't pass the gate in front of a cluster's engines, and why. */
import type { ErasedIds } from '../erase/erased-ids.ts'
import { ERASED_REJECT, isOfErased } from './erased-reject.ts'
import type { Gate } from './gate.ts'
import type { GateRecord } from './gate-stream.ts'
import type { Reject } from './reject.ts'
import { validateRecord } from './validate-record.ts'

/** A record at `index` of its batch; its bytes as they are kept. */
export interface RefusedRecord extends Omit<Reject, 'topic' | 'partition' | 'model'> {
  readonly index: number
}

/** In order. Of events of erased persons nothing is kept, as in the embedded engine. */
export function refuseRecords(
  gate: Gate,
  records: readonly GateRecord[],
  erased: ErasedIds | undefined,
): readonly RefusedRecord[] {
  const refused: RefusedRecord[] = []
  for (const [index, { offset, appendMs, bytes }] of records.entries()) {
    const why = validateRecord(gate, bytes, appendMs)
    if (why !== undefined) {
      const { reason, message, schemaId } = why
      refused.push({ index, offset, appendMs, bytes, reason, message, schemaId })
    } else if (erased !== undefined) {
      const result = gate.validate(bytes, appendMs)
      if (result.ok && isOfErased(result.event, erased))
        refused.push({ index, offset, appendMs, ...ERASED_REJECT })
    }
  }
  return refused
}
