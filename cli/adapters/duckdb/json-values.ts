/** DuckDB's whole numbers and times as JSON values, without loss. */

/** As a number while it is safe, else as text. */
export function toInteger(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

/** ISO 8601 with Z, with microseconds if there are any; undefined beyond JavaScript's years. */
export function formatIsoTime(micros: bigint): string | undefined {
  const rest = Number(((micros % 1000n) + 1000n) % 1000n)
  const millis = Number((micros - BigInt(rest)) / 1000n)
  if (!(Math.abs(millis) <= 8.64e15)) return undefined
  const iso = new Date(millis).toISOString()
  return rest === 0 ? iso : `${iso.slice(0, -1)}${String(rest).padStart(3, '0')}Z`
}
