/**
 * The attribute `pii` of a field: what becomes of its value when a record becomes a row. `plain`:
 * nothing. `hash`: a keyed hash whose key changes. `token`: a keyed hash whose key stays until it
 * is destroyed. `drop`: null.
 */

/** The values of the attribute. */
export const FIELD_CLASSES = ['plain', 'hash', 'token', 'drop'] as const

/** One of FIELD_CLASSES; a field without the attribute is `plain`. */
export type FieldClass = (typeof FIELD_CLASSES)[number]

/** A class that changes values. */
export type ChangingClass = Exclude<FieldClass, 'plain'>

/** undefined for anything else than a class. */
export function parseFieldClass(value: unknown): FieldClass | undefined {
  return FIELD_CLASSES.find((one) => one === value)
}
