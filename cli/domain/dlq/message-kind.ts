/**
 * Rejects of one kind have the same message except for its values. The kind is the message with
 * each value replaced by `…`, so that a thousand similar faults are one line of a list.
 */

/** What differs from record to record: quoted text, times, ids, numbers. */
const VALUES: readonly RegExp[] = [
  /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|“[^”]*”|‘[^’]*’|`[^`]*`/g,
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?/g,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
  /\b0x[0-9a-f]+\b/gi,
  /(?<![\w.])-?\d[\d,_]*(?:\.\d+)?(?:e[+-]?\d+)?(?!\w)/gi,
]

/** Replaces the values of a message by `…`; equal for rejects of one kind. */
export function generalizeMessage(message: string): string {
  const bare = VALUES.reduce((text, value) => text.replace(value, '…'), message)
  return bare.replace(/…(?:(?:, ?| )…)+/g, '…')
}
