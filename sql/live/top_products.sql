/*
kind: figure
title: Products today
every: 10 seconds
access: anyone
note: By units sold, then by views. Revenue is that of the currency with most orders, NULL if there is none in it; other_currencies names the others.
*/
WITH known AS (
  SELECT currency FROM gold.revenue_daily WHERE shop_date <= shop_day(right_now())
  ORDER BY shop_date DESC, orders DESC, currency LIMIT 1
), sold AS (
  SELECT sku, any_value(item_name) AS name, sum(quantity) AS units,
    sum(revenue) FILTER (WHERE currency = (SELECT currency FROM known)) AS revenue,
    string_agg(DISTINCT currency, ', ' ORDER BY currency)
      FILTER (WHERE currency <> (SELECT currency FROM known))     AS other_currencies
  FROM silver.order_items
  WHERE event_time >= shop_day_end(shop_day(right_now()) - 1)
    AND event_date >= shop_day(right_now()) - 1 AND NOT is_bot
  GROUP BY sku
), seen AS (
  SELECT sku, any_value(item_name) AS name, count(*) AS views
  FROM silver.view_item
  WHERE event_time >= shop_day_end(shop_day(right_now()) - 1)
    AND event_date >= shop_day(right_now()) - 1 AND NOT is_bot
  GROUP BY sku
)
SELECT
  sku,
  coalesce(sold.name, seen.name)                                    AS name,
  coalesce(views, 0)                                                AS views,
  CAST(coalesce(units, 0) AS BIGINT)                                AS units,
  CAST(revenue AS DECIMAL(18, 2))                                   AS revenue,
  other_currencies
FROM sold FULL JOIN seen USING (sku)
ORDER BY units DESC, views DESC, sku LIMIT 8
