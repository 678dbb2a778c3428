/** How far the clocks of a time zone are from UTC, as Intl knows it. */

/** No zone changes its offset within a quarter of an hour: callers may keep an offset this long. */
export const QUARTER_HOUR_MS = 900_000

/**
 * Returns a function from an instant (ms since 1970, UTC) to the zone's offset there in ms,
 * positive east of Greenwich. A call costs microseconds. Throws a RangeError for a name that IANA
 * doesn't have.
 */
export function createOffsetReader(timezone: string): (utcMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return (utcMs) => {
    const part: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(utcMs)) part[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utcMs / 1000) * 1000
  }
}
