/*
kind: figure
title: Orders by who reported them
every: 10 seconds
access: anyone
note: Orders of the shop's day. No row unless browsers and the shop system have both reported orders since yesterday; of an order of the last minutes, the second report may be on its way.
*/
-- Silver has the first report of each order, Bronze all of them. A report of today's order may have yesterday's
-- date. Imported orders are neither's.
WITH reports AS (
  SELECT order_id,
    bool_or(source IN ('web', 'app'))                               AS by_browser,
    bool_or(source = 'server')                                      AS by_shop_system
  FROM bronze.events
  WHERE event_type = 'purchase' AND source IN ('web', 'app', 'server')
    AND event_date >= shop_day(right_now()) - 1
  GROUP BY order_id
), today AS (
  SELECT order_id
  FROM silver.orders
  WHERE NOT is_bot AND shop_day(event_time) = shop_day(right_now())
    AND event_date >= shop_day(right_now()) - 1
)
SELECT
  count(*)                                                          AS orders,
  count(*) FILTER (WHERE by_browser)                                AS by_browser,
  count(*) FILTER (WHERE by_shop_system)                            AS by_shop_system,
  count(*) FILTER (WHERE NOT by_browser)                            AS only_shop_system,
  count(*) FILTER (WHERE NOT by_shop_system)                        AS only_browser,
  count(*) FILTER (WHERE NOT by_browser) / count(*)                 AS loss_rate
FROM today JOIN reports USING (order_id)
HAVING count(*) > 0
  AND (SELECT bool_or(by_browser) AND bool_or(by_shop_system) FROM reports)
