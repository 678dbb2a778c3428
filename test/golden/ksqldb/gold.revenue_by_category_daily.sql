-- Days of the shop are an unwindowed table: events later than the model's lateness still count.
SET 'auto.offset.reset' = 'earliest';

SET 'cache.max.bytes.buffering' = '0';

CREATE STREAM `gold_revenue_by_category_daily_input` WITH (
  KAFKA_TOPIC = 'gold.revenue_by_category_daily.input',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  RETENTION_MS = 604800000,
  TIMESTAMP = '`event_time`',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `_key`,
  `event_id`,
  `order_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `line`,
  `sku`,
  `item_name`,
  `category`,
  `brand`,
  `quantity`,
  `unit_price`,
  `discount`,
  `revenue`,
  `currency`,
  `is_bot`,
  `late_ms`,
  `event_date`,
  PARSE_DATE(FORMAT_TIMESTAMP(`event_time`, 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd') AS `shop_date`
FROM `silver_order_items`
WHERE NOT `is_bot`
EMIT CHANGES;

CREATE TABLE `gold_revenue_by_category_daily` WITH (
  KAFKA_TOPIC = 'gold.revenue_by_category_daily',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `shop_date` AS `_key_shop_date`,
  `currency` AS `_key_currency`,
  `category` AS `_key_category`,
  AS_VALUE(`shop_date`) AS `shop_date`,
  AS_VALUE(`currency`) AS `currency`,
  AS_VALUE(`category`) AS `category`,
  COUNT(*) AS `lines`,
  CAST(ARRAY_LENGTH(ARRAY_REMOVE(COLLECT_SET(`order_id`), CAST(NULL AS STRING))) AS BIGINT) AS `orders`,
  CAST(CASE WHEN COUNT(`quantity`) > 0 THEN SUM(CAST(`quantity` AS BIGINT)) END AS BIGINT) AS `units`,
  CAST(CASE WHEN COUNT(`revenue`) > 0 THEN SUM(`revenue`) END AS DECIMAL(18, 2)) AS `revenue`
FROM `gold_revenue_by_category_daily_input`
GROUP BY `shop_date`, `currency`, `category`
EMIT CHANGES;
