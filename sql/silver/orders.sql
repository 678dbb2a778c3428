/*
kind: stream
grain: one row per order
key: [event_id]
time: event_time
partition: event_date
audits: [unique(event_id), not_null(order_id), "revenue >= 0", "total = revenue + tax + shipping"]
*/
-- Orders. revenue: order lines after discounts, without tax and shipping; total: what the customer paid.
SELECT
  event_id, order_id, event_time, anonymous_id, customer_id, session_id,
  len(items)                                  AS lines,
  coalesce(lines_units(items), 0)             AS units,
  revenue, tax, shipping, discount,
  revenue + tax + shipping                    AS total,
  coupon, payment_type, currency,
  utm_source, utm_medium, utm_campaign,
  device, geo_city, geo_country, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type = 'purchase'
