-- gold.sessions holds sessions that are over; those under way are not counted here.
CREATE TEMPORARY VIEW `gold_campaign_daily` AS
SELECT
  `shop_date`,
  COALESCE(`utm_source`, '(direct)') AS `utm_source`,
  COALESCE(`utm_medium`, '(none)') AS `utm_medium`,
  COALESCE(`utm_campaign`, '(none)') AS `utm_campaign`,
  COUNT(*) AS `sessions`,
  COUNT(*) FILTER (WHERE `is_engaged`) AS `engaged_sessions`,
  COUNT(*) FILTER (WHERE `orders` > 0) AS `converted_sessions`,
  CAST(SUM(CAST(`orders` AS BIGINT)) AS BIGINT) AS `orders`,
  CAST(SUM(`revenue`) AS DECIMAL(18, 2)) AS `revenue`
FROM `gold_sessions`
GROUP BY `shop_date`, COALESCE(`utm_source`, '(direct)'), COALESCE(`utm_medium`, '(none)'), COALESCE(`utm_campaign`, '(none)');
