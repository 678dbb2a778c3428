/** How expected results write times, days and money. */
const DAY_MS = 86_400_000

/** Formats ms since 1970 as ISO 8601 in UTC. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Formats a day that counts from 1970-01-01 as YYYY-MM-DD. */
export function formatDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

/** Formats hundredths as a decimal with two places. */
export function formatMoney(minor: number): string {
  const digits = String(Math.abs(minor)).padStart(3, '0')
  return `${minor < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}
