/*
kind: stream
grain: one row per change of a cart
key: [event_id]
time: event_time
partition: event_date
audits: [unique(event_id), not_null(sku), "accepted_values(action, add, remove)", "quantity > 0"]
*/
-- Products added to a cart or removed from it.
SELECT
  event_id, event_time, anonymous_id, customer_id, session_id,
  CASE WHEN event_type = 'add_to_cart' THEN 'add' ELSE 'remove' END AS action,
  items[1].sku                       AS sku,
  items[1].name                      AS item_name,
  items[1].category                  AS category,
  items[1].brand                     AS brand,
  money(items[1].unit_price_minor)   AS unit_price,
  items[1].quantity                  AS quantity,
  currency, device, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type IN ('add_to_cart', 'remove_from_cart')
