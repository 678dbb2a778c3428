/**
 * Lists of any length. Where a list is spread into arguments, each element is put on the stack,
 * which ends at about 120,000 of them.
 */

/** Adds all of `more` at the end of `list`. */
export function appendAll<T>(list: T[], more: Iterable<T>): void {
  for (const one of more) list.push(one)
}

/** -Infinity of no numbers, as Math.max has it. */
export function greatest(numbers: Iterable<number>): number {
  let found = Number.NEGATIVE_INFINITY
  for (const one of numbers) found = Math.max(found, one)
  return found
}

/** Infinity of no numbers, as Math.min has it. */
export function least(numbers: Iterable<number>): number {
  let found = Number.POSITIVE_INFINITY
  for (const one of numbers) found = Math.min(found, one)
  return found
}
