/**
 * Sums and differences of exact numbers as queries give them: whole numbers, and DECIMALs as text. No floating
 * point anywhere; the result has the scale of the finer of the two.
 */

/** A count as number, money as text such as "12.00". */
export type ExactNumber = number | string

export function addExact(a: ExactNumber, b: ExactNumber): ExactNumber {
  return combined(a, b, (x, y) => x + y)
}

export function subtractExact(a: ExactNumber, b: ExactNumber): ExactNumber {
  return combined(a, b, (x, y) => x - y)
}

export function isZero(value: ExactNumber): boolean {
  return parse(value).digits === 0n
}

export function isNegative(value: ExactNumber): boolean {
  return parse(value).digits < 0n
}

/** What a query gave, where nothing (null, or no row) counts as zero. */
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
  if (!match) throw new RangeError(`${value} is no exact number`)
  const [, sign, whole = '', fraction = ''] = match
  const digits = BigInt(whole + fraction)
  return { digits: sign === '-' ? -digits : digits, scale: fraction.length }
}

function combined(
  a: ExactNumber,
  b: ExactNumber,
  change: (x: bigint, y: bigint) => bigint,
): ExactNumber {
  const [left, right] = [parse(a), parse(b)]
  const scale = Math.max(left.scale, right.scale)
  const at = ({ digits, scale: own }: Scaled) => digits * 10n ** BigInt(scale - own)
  return written(change(at(left), at(right)), scale)
}

function written(digits: bigint, scale: number): ExactNumber {
  if (scale === 0) {
    const number = Number(digits)
    return Number.isSafeInteger(number) ? number : String(digits)
  }
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
  return `${digits < 0n ? '-' : ''}${text.slice(0, -scale)}.${text.slice(-scale)}`
}
