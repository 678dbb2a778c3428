/**
 * Uses of a topic's fields in SQL, as a schema check asks for them; models/schema-impact.ts finds
 * them.
 */
import type { Location } from '../kernel/errors.ts'

/** A model, mart or dashboard that may use a field. */
export interface FieldUse {
  readonly kind: 'model' | 'mart' | 'dashboard'
  readonly name: string
  readonly file: string
  /**
   * Where it names the field, or the column that holds the field; null if it uses it only through
   * others.
   */
  readonly at: Location | null
}

/** Finds what may use the field at a path; those that name the field come first. */
export type FindUses = (path: string) => readonly FieldUse[]

/** The fields of a topic whose uses are asked for. */
export interface TracedTopic {
  readonly topic: string
  /** Names of top-level fields, removed ones included. */
  readonly fields: readonly string[]
}
