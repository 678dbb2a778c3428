/*
kind: figure
title: Campaigns today
every: 10 seconds
access: anyone
note: By the last campaign of each session; revenue only in the currency with most orders.
*/
WITH known AS (
  SELECT currency FROM gold.revenue_daily WHERE shop_date <= shop_day(right_now())
  ORDER BY shop_date DESC, orders DESC, currency LIMIT 1
), visits AS (
  SELECT session_id, anonymous_id, session_start, session_end, orders,
    coalesce(utm_campaign, utm_source, '(direct)') AS campaign
  FROM gold.sessions
  WHERE shop_date = shop_day(right_now()) AND session_date >= shop_day(right_now()) - 1
), sales AS (
  SELECT campaign, sum(revenue) AS revenue
  FROM silver.orders JOIN visits USING (anonymous_id)
  WHERE event_time BETWEEN session_start AND session_end
    AND event_time >= shop_day_end(shop_day(right_now()) - 1)
    AND event_date >= shop_day(right_now()) - 1
    AND NOT is_bot AND currency = (SELECT currency FROM known)
  GROUP BY campaign
)
SELECT
  campaign,
  count(*)                                                          AS sessions,
  CAST(sum(orders) AS BIGINT)                                       AS orders,
  CAST(coalesce(any_value(sales.revenue), 0) AS DECIMAL(18, 2))     AS revenue
FROM visits LEFT JOIN sales USING (campaign)
GROUP BY campaign
ORDER BY sessions DESC, campaign LIMIT 8
