/*
kind: window
grain: one row per shop day, currency and category with an order line
key: [shop_date, currency, category]
time: event_time
window: 1 shop day
lateness: 6 hours
audits: ["unique(shop_date, currency, category)", "units > 0", "revenue >= 0"]
*/
-- Sales by shop day, currency and category; the revenue of all categories equals revenue_daily.
SELECT
  shop_day(event_time)                                              AS shop_date,
  currency,
  category,
  count(*)                                                          AS lines,
  count(DISTINCT order_id)                                          AS orders,
  CAST(sum(quantity) AS BIGINT)                                     AS units,
  CAST(sum(revenue) AS DECIMAL(18, 2))                             AS revenue
FROM silver.order_items
WHERE NOT is_bot
GROUP BY shop_day(event_time), currency, category
