SET 'auto.offset.reset' = 'earliest';

SET 'cache.max.bytes.buffering' = '0';

CREATE TABLE `gold_revenue_by_category_daily` WITH (
  KAFKA_TOPIC = 'gold.revenue_by_category_daily',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd') AS `_key_shop_date`,
  COALESCE(`currency`, '␀') AS `_key_currency`,
  COALESCE(`category`, '␀') AS `_key_category`,
  LATEST_BY_OFFSET(PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd'), FALSE) AS `shop_date`,
  LATEST_BY_OFFSET(`currency`, FALSE) AS `currency`,
  LATEST_BY_OFFSET(`category`, FALSE) AS `category`,
  COUNT(*) AS `lines`,
  CAST(ARRAY_LENGTH(ARRAY_REMOVE(COLLECT_SET(CAST(`order_id` AS STRING)), CAST(NULL AS STRING))) AS BIGINT) AS `orders`,
  CAST(CASE WHEN COUNT(`quantity`) > 0 THEN SUM(CAST(`quantity` AS BIGINT)) END AS BIGINT) AS `units`,
  CAST(CASE WHEN COUNT(`revenue`) > 0 THEN SUM(`revenue`) END AS DECIMAL(18, 2)) AS `revenue`
FROM `silver_order_items`
WHERE NOT COALESCE(`is_bot`, TRUE)
  AND `late_ms` < 21600000 + UNIX_TIMESTAMP(PARSE_TIMESTAMP(FORMAT_DATE(DATEADD(DAYS, 1, PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd')), 'yyyy-MM-dd'), 'yyyy-MM-dd', 'Europe/Berlin')) - UNIX_TIMESTAMP(`event_time`)
GROUP BY PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd'), COALESCE(`currency`, '␀'), COALESCE(`category`, '␀')
EMIT CHANGES;
