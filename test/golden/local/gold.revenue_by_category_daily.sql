CREATE VIEW gold.revenue_by_category_daily AS
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
GROUP BY shop_day(event_time), currency, category;
