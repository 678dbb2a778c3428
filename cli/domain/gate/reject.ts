/** A record that the gate rejects. */
import type { Reason } from '../events/contracts.ts'

/** A record that broke the contract, before it is encoded for events.dlq. */
export interface Reject {
  readonly reason: Reason
  /** One sentence for people: field, value, rule. */
  readonly message: string
  readonly schemaId: number | null
  /** The record exactly as it arrived. */
  readonly bytes: Buffer
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly appendMs: number
}
