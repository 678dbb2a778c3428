/*
kind: figure
title: Today by hour
every: 30 seconds
access: anyone
note: Sessions and conversion by the hour in which the session began; orders and revenue by the hour of the order.
*/
-- All whole hours since the shop's midnight. A day has 23 or 25 of them when the clocks change.
WITH clock AS (
  SELECT unnest(range(shop_day_end(shop_day(right_now()) - 1),
    right_now() + INTERVAL 1 MILLISECOND, INTERVAL 1 HOUR)) AS hour
), visits AS (
  SELECT time_bucket(INTERVAL 1 HOUR, session_start, shop_day_end(shop_day(right_now()) - 1)) AS hour,
    count(DISTINCT anonymous_id) AS visitors, count(*) AS sessions,
    count(*) FILTER (WHERE orders > 0) AS converted_sessions
  FROM gold.sessions
  WHERE shop_date = shop_day(right_now()) AND session_date >= shop_day(right_now()) - 1
  GROUP BY 1
), known AS (
  SELECT currency FROM gold.revenue_daily WHERE shop_date <= shop_day(right_now())
  ORDER BY shop_date DESC, orders DESC, currency LIMIT 1
), sales AS (
  SELECT time_bucket(INTERVAL 1 HOUR, event_time, shop_day_end(shop_day(right_now()) - 1)) AS hour,
    count(*) AS orders,
    sum(revenue) FILTER (WHERE currency = (SELECT currency FROM known)) AS revenue
  FROM silver.orders
  WHERE event_time >= shop_day_end(shop_day(right_now()) - 1)
    AND event_date >= shop_day(right_now()) - 1
    AND NOT is_bot
  GROUP BY 1
)
SELECT
  clock.hour,
  coalesce(visitors, 0)                                             AS visitors,
  coalesce(sessions, 0)                                             AS sessions,
  coalesce(orders, 0)                                               AS orders,
  CAST(coalesce(revenue, 0) AS DECIMAL(18, 2))                      AS revenue,
  converted_sessions / nullif(sessions, 0)                          AS conversion_rate
FROM clock
LEFT JOIN visits ON visits.hour = clock.hour
LEFT JOIN sales ON sales.hour = clock.hour
ORDER BY clock.hour
