/*
kind: figure
title: The last hour, by minute
every: 1 second
access: anyone
note: Every minute, including the current one; revenue only in the currency with most orders.
*/
-- activity_1m adds revenue across currencies, so revenue comes from the orders themselves.
WITH clock AS (
  SELECT unnest(range(
    time_bucket(INTERVAL 1 MINUTE, right_now()) - INTERVAL 59 MINUTES,
    time_bucket(INTERVAL 1 MINUTE, right_now()) + INTERVAL 1 MINUTE,
    INTERVAL 1 MINUTE)) AS minute
), sales AS (
  SELECT time_bucket(INTERVAL 1 MINUTE, event_time) AS minute, sum(revenue) AS revenue
  FROM silver.orders
  WHERE event_time >= time_bucket(INTERVAL 1 MINUTE, right_now()) - INTERVAL 59 MINUTES
    AND event_date >= CAST(right_now() - INTERVAL 1 HOUR AS DATE)
    AND NOT is_bot
    AND currency = (
      SELECT currency FROM gold.revenue_daily WHERE shop_date <= shop_day(right_now())
      ORDER BY shop_date DESC, orders DESC, currency LIMIT 1)
  GROUP BY 1
)
SELECT
  clock.minute,
  coalesce(events, 0)                                               AS events,
  coalesce(visitors, 0)                                             AS visitors,
  coalesce(orders, 0)                                               AS orders,
  CAST(coalesce(sales.revenue, 0) AS DECIMAL(18, 2))                AS revenue,
  coalesce(cart_adds, 0)                                            AS carts,
  coalesce(checkouts, 0)                                            AS checkouts
FROM clock
LEFT JOIN (
  SELECT * FROM gold.activity_1m
  WHERE window_start >= time_bucket(INTERVAL 1 MINUTE, right_now()) - INTERVAL 59 MINUTES
) activity ON activity.window_start = clock.minute
LEFT JOIN sales ON sales.minute = clock.minute
ORDER BY clock.minute
