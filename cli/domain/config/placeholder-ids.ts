/**
 * Texts that trackers and exports write where they know no id. Such a text is nobody's id:
 * everybody without one would be one visitor or customer. PostHog refuses most of these, too.
 */
import type { ValueReader } from '../documents/value-readers.ts'

/** Compared without regard to case and to blanks at either end. */
export const PLACEHOLDER_IDS: readonly string[] = [
  ...['', '0', '-1', '00000000-0000-0000-0000-000000000000'],
  ...['undefined', 'null', 'none', 'nil', 'nan', 'n/a', 'true', 'false', '[object object]'],
  ...['unknown', 'anonymous', 'guest', 'not_authenticated', '(not set)', '(none)'],
  ...['id', 'email', 'distinct_id', 'distinctid'],
]

/** A list of ids, which may be empty; YAML's null, numbers and truth values count as their text. */
export const readPlaceholderIds: ValueReader<readonly string[]> = (value) => {
  const isScalar = (one: unknown) =>
    one === null || ['string', 'number', 'boolean'].includes(typeof one)
  if (!Array.isArray(value) || !value.every(isScalar))
    return { wrong: 'must be a list of ids, such as [undefined, "0", guest].' }
  return { value: [...new Set(value.map((one) => String(one).trim().toLowerCase()))] }
}
