/** When an event happened, by a clock that can be trusted: the device's clock corrected by the shop's. */

/**
 * Corrected event time, ms since 1970; `sentMs` and `receivedMs` are NaN where absent. The device's clock
 * may be wrong, but the time between two readings of it is not; nothing happens after it was received.
 * The same rule stands in sql/bronze/events.sql and sql/silver/events.sql.
 */
export function correctEventTimeMs(eventMs: number, sentMs: number, receivedMs: number): number {
  if (Number.isNaN(receivedMs)) return eventMs
  if (Number.isNaN(sentMs)) return Math.min(eventMs, receivedMs)
  const corrected = receivedMs - (sentMs - eventMs)
  return Math.min(corrected, receivedMs)
}
