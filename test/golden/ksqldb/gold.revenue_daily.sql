-- Days of the shop are an unwindowed table: events later than the model's lateness still count.
SET 'auto.offset.reset' = 'earliest';

SET 'cache.max.bytes.buffering' = '0';

CREATE STREAM `gold_revenue_daily_input` WITH (
  KAFKA_TOPIC = 'gold.revenue_daily.input',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  RETENTION_MS = 604800000,
  TIMESTAMP = '`event_time`',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `_key`,
  `event_id`,
  `event_type`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `session_id`,
  `page`,
  `page_title`,
  `page_url`,
  `referrer`,
  `utm_source`,
  `utm_medium`,
  `utm_campaign`,
  `device`,
  `geo_city`,
  `geo_country`,
  `source`,
  `is_bot`,
  `currency`,
  `consent`,
  `search_term`,
  `results_count`,
  `payment_type`,
  `order_id`,
  `coupon`,
  `tax`,
  `shipping`,
  `discount`,
  `revenue`,
  `refund_amount`,
  `items`,
  `topic`,
  `partition`,
  `offset`,
  `late_ms`,
  `event_date`,
  PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd') AS `shop_date`
FROM `silver_people`
WHERE `event_type` IN ('purchase', 'refund')
EMIT CHANGES;

CREATE TABLE `gold_revenue_daily` WITH (
  KAFKA_TOPIC = 'gold.revenue_daily',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `shop_date` AS `_key_shop_date`,
  `currency` AS `_key_currency`,
  AS_VALUE(`shop_date`) AS `shop_date`,
  AS_VALUE(`currency`) AS `currency`,
  COUNT(CASE WHEN `event_type` = 'purchase' THEN 1 END) AS `orders`,
  CAST(ARRAY_LENGTH(ARRAY_REMOVE(COLLECT_SET(CASE WHEN `event_type` = 'purchase' THEN `anonymous_id` END), CAST(NULL AS STRING))) AS BIGINT) AS `buyers`,
  CAST(CASE WHEN COUNT(`revenue`) > 0 THEN SUM(`revenue`) END AS DECIMAL(18, 2)) AS `revenue`,
  CAST(CASE WHEN COUNT(CASE WHEN `event_type` = 'purchase' THEN `tax` ELSE CAST(0 * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) END) > 0 THEN SUM(CASE WHEN `event_type` = 'purchase' THEN `tax` ELSE CAST(0 * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) END) END AS DECIMAL(18, 2)) AS `tax`,
  CAST(CASE WHEN COUNT(CASE WHEN `event_type` = 'purchase' THEN `shipping` ELSE CAST(0 * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) END) > 0 THEN SUM(CASE WHEN `event_type` = 'purchase' THEN `shipping` ELSE CAST(0 * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) END) END AS DECIMAL(18, 2)) AS `shipping`,
  COUNT(CASE WHEN `event_type` = 'refund' THEN 1 END) AS `refund_count`,
  CAST(CASE WHEN COUNT(`refund_amount`) > 0 THEN SUM(`refund_amount`) END AS DECIMAL(18, 2)) AS `refunds`,
  CAST(CASE WHEN COUNT(`revenue`) > 0 THEN SUM(`revenue`) END - CASE WHEN COUNT(`refund_amount`) > 0 THEN SUM(`refund_amount`) END AS DECIMAL(18, 2)) AS `net_revenue`
FROM `gold_revenue_daily_input`
GROUP BY `shop_date`, `currency`
EMIT CHANGES;
