/** A record that the gate rejects. */
import type { Reason } from '../events/contracts.ts'

/** A record that broke the contract. */
export interface Reject {
  readonly reason: Reason
  /** One sentence for a person: field, value, rule. */
  readonly message: string
  readonly schemaId: number | null
  /** Exactly as it arrived. */
  readonly bytes: Buffer
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly appendMs: number
}
