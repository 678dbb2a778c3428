/*
kind: stream
grain: one row per line of an order
key: [event_id, line]
time: event_time
partition: event_date
audits: ["unique(event_id, line)", not_null(sku), "quantity > 0", "revenue >= 0"]
*/
-- The lines of orders; the revenue of its lines adds up to that of the order.
SELECT
  event_id, order_id, event_time, anonymous_id, customer_id,
  line,
  items[line].sku                             AS sku,
  items[line].name                            AS item_name,
  coalesce(items[line].category, '(none)')    AS category,
  items[line].brand                           AS brand,
  items[line].quantity                        AS quantity,
  money(items[line].unit_price_minor)         AS unit_price,
  money(items[line].discount_minor)           AS discount,
  money(items[line].unit_price_minor * items[line].quantity - items[line].discount_minor)
                                              AS revenue,
  currency, is_bot, late_ms, event_date
FROM (
  SELECT *, unnest(range(1, len(items) + 1)) AS line
  FROM silver.events
  WHERE event_type = 'purchase'
)
