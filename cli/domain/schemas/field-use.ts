/** What uses a field of a topic's schema: the question that a schema check asks, answered by the SQL. */
import type { Location } from '../kernel/errors.ts'

export interface FieldUse {
  readonly kind: 'model' | 'mart' | 'dashboard'
  readonly name: string
  readonly file: string
  /** Where it names the field, or the column that the field is a part of; null: it has it by way of others. */
  readonly at: Location | null
}

/** What may use a field, by its path; the readers of the field itself first. */
export type FindUses = (path: string) => readonly FieldUse[]

export interface TracedTopic {
  readonly topic: string
  /** Names of the fields, of those that were removed too. */
  readonly fields: readonly string[]
}
