/*
kind: figure
title: Today so far
every: 1 second
access: anyone
note: Since midnight in the shop's timezone. Orders of all currencies; revenue only in the currency with most orders.
*/
-- Money comes from revenue_daily, sessions from sessions. Before today's first order, the currency is that of
-- the latest day with orders.
WITH money AS (
  SELECT * FROM gold.revenue_daily
  WHERE shop_date <= shop_day(right_now())
  ORDER BY shop_date DESC, orders DESC, currency LIMIT 1
), today AS (
  SELECT currency, shop_date = shop_day(right_now()) AS is_today, orders, revenue, refunds, net_revenue
  FROM money
), placed AS (
  SELECT CAST(coalesce(sum(orders), 0) AS BIGINT) AS orders
  FROM gold.revenue_daily WHERE shop_date = shop_day(right_now())
), visits AS (
  SELECT count(*) AS sessions, count(*) FILTER (WHERE orders > 0) AS converted_sessions
  FROM gold.sessions
  WHERE shop_date = shop_day(right_now()) AND session_date >= shop_day(right_now()) - 1
)
SELECT
  shop_day(right_now())                                             AS shop_date,
  currency,
  placed.orders                                                     AS orders,
  CASE WHEN is_today THEN revenue ELSE money(0) END                 AS revenue,
  CASE WHEN is_today THEN refunds ELSE money(0) END                 AS refunds,
  CASE WHEN is_today THEN net_revenue ELSE money(0) END             AS net_revenue,
  sessions,
  converted_sessions,
  converted_sessions / nullif(sessions, 0)                          AS conversion_rate,
  CASE WHEN is_today THEN CAST(revenue / nullif(today.orders, 0) AS DECIMAL(18, 2)) END AS aov
FROM visits CROSS JOIN placed LEFT JOIN today ON TRUE
