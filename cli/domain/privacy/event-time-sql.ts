/** The corrected time of an event in Bronze, as correctEventTimeMs has it. */

/** Expression over the columns of Bronze; ms since 1970. */
export const BRONZE_TIME_SQL = `CASE
  WHEN sent_ts IS NOT NULL AND received_ts IS NOT NULL THEN
    least(epoch_ms(received_ts) - (epoch_ms(sent_ts) - epoch_ms(event_ts)), epoch_ms(received_ts))
  WHEN received_ts IS NOT NULL AND event_ts > received_ts THEN epoch_ms(received_ts)
  ELSE epoch_ms(event_ts)
END`
