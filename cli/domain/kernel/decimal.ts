/**
 * Exact arithmetic on numbers as queries give them: whole numbers, and DECIMALs as text. No
 * floating point.
 */

/** A count as a number, money as text such as "12.00"; also a whole number beyond 2^53, as text. */
export type ExactNumber = number | string

/**
 * The sum, with as many decimals as the operand that has more. Throws RangeError for text that is
 * no number.
 */
export function addExact(a: ExactNumber, b: ExactNumber): ExactNumber {
  return combine(a, b, (x, y) => x + y)
}

/** `a` less `b`, with as many decimals as the operand that has more. */
export function subtractExact(a: ExactNumber, b: ExactNumber): ExactNumber {
  return combine(a, b, (x, y) => x - y)
}

/** Whether the number is 0, however many decimals it is format with. */
export function isZero(value: ExactNumber): boolean {
  return parse(value).digits === 0n
}

/** Whether the number is below 0. */
export function isNegative(value: ExactNumber): boolean {
  return parse(value).digits < 0n
}

/** A value of a query's row as a number; null and undefined count as 0. */
export function toExact(value: unknown): ExactNumber {
  if (typeof value === 'number' || typeof value === 'string') return value
  return value === null || value === undefined ? 0 : String(value)
}

interface Scaled {
  readonly digits: bigint
  readonly scale: number
}

function parse(value: ExactNumber): Scaled {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(value))
  if (!match) throw new RangeError(`${value} is not an exact number`)
  const [, sign, whole = '', fraction = ''] = match
  const digits = BigInt(whole + fraction)
  return { digits: sign === '-' ? -digits : digits, scale: fraction.length }
}

function combine(
  a: ExactNumber,
  b: ExactNumber,
  change: (x: bigint, y: bigint) => bigint,
): ExactNumber {
  const [left, right] = [parse(a), parse(b)]
  const scale = Math.max(left.scale, right.scale)
  const at = ({ digits, scale: own }: Scaled) => digits * 10n ** BigInt(scale - own)
  return format(change(at(left), at(right)), scale)
}

function format(digits: bigint, scale: number): ExactNumber {
  if (scale === 0) {
    const number = Number(digits)
    return Number.isSafeInteger(number) ? number : String(digits)
  }
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
  return `${digits < 0n ? '-' : ''}${text.slice(0, -scale)}.${text.slice(-scale)}`
}
