CREATE VIEW silver.refunds AS
SELECT
  event_id, order_id, event_time, anonymous_id, customer_id,
  coalesce(lines_units(items), 0)             AS units,
  refund_amount, currency, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type = 'refund';
