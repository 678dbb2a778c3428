/*
kind: stream
grain: one row per product view
key: [event_id]
time: event_time
partition: event_date
audits: [unique(event_id), not_null(sku), "unit_price >= 0"]
*/
-- Product views. Such an event has one item; further items stay in silver.events.
SELECT
  event_id, event_time, anonymous_id, customer_id, session_id, page,
  items[1].sku                       AS sku,
  items[1].name                      AS item_name,
  items[1].category                  AS category,
  items[1].brand                     AS brand,
  money(items[1].unit_price_minor)   AS unit_price,
  currency, device, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type = 'view_item'
