/*
kind: stream
grain: one row per refund
key: [event_id]
time: event_time
partition: event_date
audits: [unique(event_id), not_null(order_id), "refund_amount >= 0"]
*/
-- Refunds, full or partial; refund_amount counts on the day of the refund.
SELECT
  event_id, order_id, event_time, anonymous_id, customer_id,
  coalesce(lines_units(items), 0)             AS units,
  refund_amount, currency, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type = 'refund'
