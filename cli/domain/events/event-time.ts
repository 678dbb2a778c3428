/**
 * The time of an event, ms since 1970, with the error of the device's clock removed; `sentMs` and
 * `receivedMs` are NaN if absent. The device's clock may be wrong, but the time between two
 * readings of it is right, and no event happens after it was received. sql/bronze/events.sql and
 * sql/silver/events.sql have the same rule.
 */
export function correctEventTimeMs(eventMs: number, sentMs: number, receivedMs: number): number {
  if (Number.isNaN(receivedMs)) return eventMs
  if (Number.isNaN(sentMs)) return Math.min(eventMs, receivedMs)
  const corrected = receivedMs - (sentMs - eventMs)
  return Math.min(corrected, receivedMs)
}

/** The same rule as SQL over columns of Bronze, a TIMESTAMP in UTC; `of` is their table's alias. */
export function printEventTimeSql(of: string): string {
  const [event, sent, received] = ['event_ts', 'sent_ts', 'received_ts'].map(
    (one) => `${of}.${one}`,
  )
  return `CASE
    WHEN ${sent} IS NOT NULL AND ${received} IS NOT NULL THEN make_timestamp_ms(least(
      epoch_ms(${received}) - (epoch_ms(${sent}) - epoch_ms(${event})), epoch_ms(${received})))
    WHEN ${received} IS NOT NULL AND ${event} > ${received} THEN ${received}
    ELSE ${event} END`
}
