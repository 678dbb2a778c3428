-- gold.sessions holds sessions that are over; those under way are not counted here.
CREATE TEMPORARY VIEW `gold_funnel_daily` AS
SELECT
  `shop_date`,
  COUNT(*) AS `sessions`,
  COUNT(*) FILTER (WHERE `viewed_item`) AS `views`,
  COUNT(*) FILTER (WHERE `added_to_cart`) AS `carts`,
  COUNT(*) FILTER (WHERE `reached_checkout`) AS `checkouts`,
  COUNT(*) FILTER (WHERE `completed_order`) AS `orders`,
  COUNT(*) FILTER (WHERE `orders` > 0) AS `converted_sessions`,
  COUNT(*) FILTER (WHERE `is_engaged`) AS `engaged_sessions`,
  CAST(COUNT(*) FILTER (WHERE `orders` > 0) AS DOUBLE) / NULLIF(COUNT(*), 0) AS `conversion_rate`
FROM `gold_sessions`
GROUP BY `shop_date`;
