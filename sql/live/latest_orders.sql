/*
kind: figure
title: Latest orders
every: 1 second
note: Orders of the last 24 hours; total is what the customer paid, including tax and shipping.
*/
-- The ten orders are found first; only their lines are looked up.
WITH latest AS (
  SELECT event_id, order_id, event_time, geo_city, units, total, currency, device
  FROM silver.orders
  WHERE NOT is_bot
    AND event_time >= right_now() - INTERVAL 1 DAY
    AND event_date >= CAST(right_now() - INTERVAL 1 DAY AS DATE)
  ORDER BY event_time DESC, order_id LIMIT 10
), lines AS (
  SELECT event_id, string_agg(item_name, ', ' ORDER BY line) AS items
  FROM silver.order_items
  WHERE event_time >= right_now() - INTERVAL 1 DAY
    AND event_date >= CAST(right_now() - INTERVAL 1 DAY AS DATE)
    AND event_id IN (SELECT event_id FROM latest)
  GROUP BY event_id
)
SELECT order_id, event_time, geo_city AS city, coalesce(items, '') AS items, units, total, currency, device
FROM latest LEFT JOIN lines USING (event_id)
ORDER BY event_time DESC, order_id
