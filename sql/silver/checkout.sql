/*
kind: stream
grain: one row per step of a checkout
key: [event_id]
time: event_time
partition: event_date
audits: [unique(event_id), "accepted_values(step, begin_checkout, add_payment_info)", "value >= 0"]
*/
-- Steps of a checkout: its start, and the choice of a payment type.
SELECT
  event_id, event_time, anonymous_id, customer_id, session_id,
  event_type                                  AS step,
  payment_type,
  coalesce(lines_units(items), 0)             AS units,
  money(coalesce(lines_revenue(items), 0))    AS value,
  currency, device, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type IN ('begin_checkout', 'add_payment_info')
