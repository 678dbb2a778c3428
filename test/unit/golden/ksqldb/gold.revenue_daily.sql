SET 'auto.offset.reset' = 'earliest';

SET 'cache.max.bytes.buffering' = '0';

CREATE TABLE `gold_revenue_daily` WITH (
  KAFKA_TOPIC = 'gold.revenue_daily',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd') AS `_key_shop_date`,
  COALESCE(`currency`, '␀') AS `_key_currency`,
  LATEST_BY_OFFSET(PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd'), FALSE) AS `shop_date`,
  LATEST_BY_OFFSET(`currency`, FALSE) AS `currency`,
  COUNT(CASE WHEN `event_type` = 'purchase' THEN 1 END) AS `orders`,
  CAST(ARRAY_LENGTH(ARRAY_REMOVE(COLLECT_SET(CAST(CASE WHEN `event_type` = 'purchase' THEN `anonymous_id` END AS STRING)), CAST(NULL AS STRING))) AS BIGINT) AS `buyers`,
  CAST(CASE WHEN COUNT(`revenue`) > 0 THEN SUM(`revenue`) END AS DECIMAL(18, 2)) AS `revenue`,
  CAST(CASE WHEN COUNT(CASE WHEN `event_type` = 'purchase' THEN `tax` ELSE CAST(0 * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) END) > 0 THEN SUM(CASE WHEN `event_type` = 'purchase' THEN `tax` ELSE CAST(0 * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) END) END AS DECIMAL(18, 2)) AS `tax`,
  CAST(CASE WHEN COUNT(CASE WHEN `event_type` = 'purchase' THEN `shipping` ELSE CAST(0 * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) END) > 0 THEN SUM(CASE WHEN `event_type` = 'purchase' THEN `shipping` ELSE CAST(0 * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) END) END AS DECIMAL(18, 2)) AS `shipping`,
  COUNT(CASE WHEN `event_type` = 'refund' THEN 1 END) AS `refund_count`,
  CAST(CASE WHEN COUNT(`refund_amount`) > 0 THEN SUM(`refund_amount`) END AS DECIMAL(18, 2)) AS `refunds`,
  CAST(CASE WHEN COUNT(`revenue`) > 0 THEN SUM(`revenue`) END - CASE WHEN COUNT(`refund_amount`) > 0 THEN SUM(`refund_amount`) END AS DECIMAL(18, 2)) AS `net_revenue`
FROM `silver_people`
WHERE `event_type` IN ('purchase', 'refund')
  AND `late_ms` < 21600000 + UNIX_TIMESTAMP(PARSE_TIMESTAMP(FORMAT_DATE(DATEADD(DAYS, 1, PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd')), 'yyyy-MM-dd'), 'yyyy-MM-dd', 'Europe/Berlin')) - UNIX_TIMESTAMP(`event_time`)
GROUP BY PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd'), COALESCE(`currency`, '␀')
EMIT CHANGES;
