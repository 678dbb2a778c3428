SET 'auto.offset.reset' = 'earliest';

SET 'cache.max.bytes.buffering' = '0';

CREATE STREAM `gold_activity_1m_input` WITH (
  KAFKA_TOPIC = 'gold.activity_1m.input',
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
  1 AS `_all`
FROM `silver_people`
EMIT CHANGES;

CREATE TABLE `gold_activity_1m` WITH (
  KAFKA_TOPIC = 'gold.activity_1m',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `_all` AS `_key__all`,
  FROM_UNIXTIME(WINDOWSTART) AS `window_start`,
  COUNT(*) AS `events`,
  CAST(ARRAY_LENGTH(ARRAY_REMOVE(COLLECT_SET(`anonymous_id`), CAST(NULL AS STRING))) AS BIGINT) AS `visitors`,
  COUNT(CASE WHEN `event_type` = 'page_view' THEN 1 END) AS `page_views`,
  COUNT(CASE WHEN `event_type` = 'view_item' THEN 1 END) AS `item_views`,
  COUNT(CASE WHEN `event_type` = 'add_to_cart' THEN 1 END) AS `cart_adds`,
  COUNT(CASE WHEN `event_type` = 'begin_checkout' THEN 1 END) AS `checkouts`,
  COUNT(CASE WHEN `event_type` = 'purchase' THEN 1 END) AS `orders`,
  CAST(CASE WHEN COUNT(`revenue`) > 0 THEN SUM(`revenue`) END AS DECIMAL(18, 2)) AS `revenue`
FROM `gold_activity_1m_input`
WINDOW TUMBLING (SIZE 1 MINUTES, RETENTION 7 DAYS, GRACE PERIOD 10 MINUTES)
GROUP BY `_all`
EMIT CHANGES;
