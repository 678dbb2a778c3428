/** A record that goes to events.dlq. */
import type { Reason } from '../events/contracts.ts'

/**
 * A record that broke the contract, or that a model fails on, before it is encoded for events.dlq.
 */
export interface Reject {
  readonly reason: Reason
  /** One sentence for people: field, value, rule. */
  readonly message: string
  readonly schemaId: number | null
  /** The model that fails on it; only with the reason model_failed. */
  readonly model?: string
  /** The record exactly as it arrived. */
  readonly bytes: Buffer
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly appendMs: number
}
