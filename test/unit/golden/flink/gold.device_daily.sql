-- gold.sessions holds sessions that are over; those under way are not counted here.
CREATE TEMPORARY VIEW `gold_device_daily` AS
SELECT
  `shop_date`,
  `device`,
  COUNT(*) AS `sessions`,
  COUNT(DISTINCT `anonymous_id`) AS `visitors`,
  COUNT(*) FILTER (WHERE `is_engaged`) AS `engaged_sessions`,
  CAST(SUM(CAST(`orders` AS BIGINT)) AS BIGINT) AS `orders`,
  CAST(SUM(`revenue`) AS DECIMAL(18, 2)) AS `revenue`
FROM `gold_sessions`
GROUP BY `shop_date`, `device`;
