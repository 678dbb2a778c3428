SET 'auto.offset.reset' = 'earliest';

SET 'cache.max.bytes.buffering' = '0';

CREATE STREAM `gold_activity_1m_timed` (
  `_key` STRING KEY,
  `event_id` STRING,
  `event_type` STRING,
  `event_time` TIMESTAMP,
  `anonymous_id` STRING,
  `customer_id` STRING,
  `session_id` STRING,
  `page` STRING,
  `page_title` STRING,
  `page_url` STRING,
  `referrer` STRING,
  `utm_source` STRING,
  `utm_medium` STRING,
  `utm_campaign` STRING,
  `device` STRING,
  `geo_city` STRING,
  `geo_country` STRING,
  `source` STRING,
  `bot_rule` STRING,
  `is_bot` BOOLEAN,
  `currency` STRING,
  `consent` BOOLEAN,
  `search_term` STRING,
  `results_count` INT,
  `payment_type` STRING,
  `order_id` STRING,
  `coupon` STRING,
  `tax` DECIMAL(18, 2),
  `shipping` DECIMAL(18, 2),
  `discount` DECIMAL(18, 2),
  `revenue` DECIMAL(18, 2),
  `refund_amount` DECIMAL(18, 2),
  `items` ARRAY<STRUCT<`sku` STRING, `name` STRING, `category` STRING, `brand` STRING, `unit_price_minor` BIGINT, `quantity` INT, `discount_minor` BIGINT>>,
  `topic` STRING,
  `partition` INT,
  `offset` BIGINT,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  KAFKA_TOPIC = 'silver.people',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  TIMESTAMP = '`event_time`'
);

CREATE TABLE `gold_activity_1m` WITH (
  KAFKA_TOPIC = 'gold.activity_1m',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  'all' AS `_key_all`,
  FROM_UNIXTIME(WINDOWSTART) AS `window_start`,
  COUNT(*) AS `events`,
  CAST(ARRAY_LENGTH(ARRAY_REMOVE(COLLECT_SET(CAST(`anonymous_id` AS STRING)), CAST(NULL AS STRING))) AS BIGINT) AS `visitors`,
  COUNT(CASE WHEN `event_type` = 'page_view' THEN 1 END) AS `page_views`,
  COUNT(CASE WHEN `event_type` = 'view_item' THEN 1 END) AS `item_views`,
  COUNT(CASE WHEN `event_type` = 'add_to_cart' THEN 1 END) AS `cart_adds`,
  COUNT(CASE WHEN `event_type` = 'begin_checkout' THEN 1 END) AS `checkouts`,
  COUNT(CASE WHEN `event_type` = 'purchase' THEN 1 END) AS `orders`,
  CAST(CASE WHEN COUNT(`revenue`) > 0 THEN SUM(`revenue`) END AS DECIMAL(18, 2)) AS `revenue`
FROM `gold_activity_1m_timed`
WINDOW TUMBLING (SIZE 1 MINUTES, RETENTION 8 DAYS, GRACE PERIOD 7 DAYS)
WHERE `late_ms` < 600000 + 60000 - UNIX_TIMESTAMP(`event_time`) % 60000
GROUP BY 'all'
EMIT CHANGES;
