-- gold.sessions holds sessions that are over; those under way are not counted here.
CREATE TEMPORARY VIEW `gold_right_now` AS
SELECT
  COUNT(DISTINCT `anonymous_id`) FILTER (WHERE `session_end` >= CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)) - INTERVAL '5' MINUTE) AS `visitors_5m`,
  COUNT(*) FILTER (WHERE `last_cart_at` >= CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)) - INTERVAL '10' MINUTE AND `orders` = 0) AS `active_carts_10m`,
  COUNT(*) FILTER (WHERE `last_checkout_at` >= CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)) - INTERVAL '10' MINUTE AND `orders` = 0) AS `active_checkouts_10m`,
  COUNT(*) FILTER (WHERE `shop_date` = TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)), 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10))) AS `sessions_today`,
  CAST(COALESCE(SUM(CAST(`orders` AS BIGINT)) FILTER (WHERE `shop_date` = TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)), 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10))), 0) AS BIGINT) AS `orders_today`
FROM `gold_sessions`
WHERE `session_end` >= CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)) - INTERVAL '2' DAY;
