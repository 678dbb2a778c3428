/*
kind: window
grain: one row per shop day and currency with an order or a refund
key: [shop_date, currency]
time: event_time
window: 1 shop day
lateness: 6 hours
audits: ["unique(shop_date, currency)", "orders >= 0", "revenue >= 0", "net_revenue = revenue - refunds"]
*/
-- Money by shop day and currency. revenue: order lines after discounts, without tax and shipping; a refund
-- counts on the day on which it is given.
SELECT
  shop_day(event_time)                                              AS shop_date,
  currency,
  count(*) FILTER (WHERE event_type = 'purchase')                   AS orders,
  count(DISTINCT anonymous_id) FILTER (WHERE event_type = 'purchase') AS buyers,
  CAST(sum(revenue) AS DECIMAL(18, 2))                             AS revenue,
  CAST(sum(CASE WHEN event_type = 'purchase' THEN tax ELSE money(0) END) AS DECIMAL(18, 2)) AS tax,
  CAST(sum(CASE WHEN event_type = 'purchase' THEN shipping ELSE money(0) END) AS DECIMAL(18, 2)) AS shipping,
  count(*) FILTER (WHERE event_type = 'refund')                     AS refund_count,
  CAST(sum(refund_amount) AS DECIMAL(18, 2))                       AS refunds,
  CAST(sum(revenue) - sum(refund_amount) AS DECIMAL(18, 2))        AS net_revenue
FROM silver.people
WHERE event_type IN ('purchase', 'refund')
GROUP BY shop_day(event_time), currency
