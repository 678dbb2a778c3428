CREATE VIEW silver.checkout AS
SELECT
  event_id, event_time, anonymous_id, customer_id, session_id,
  event_type                                  AS step,
  payment_type,
  coalesce(lines_units(items), 0)             AS units,
  money(coalesce(lines_revenue(items), 0))    AS value,
  currency, device, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type IN ('begin_checkout', 'add_payment_info');
