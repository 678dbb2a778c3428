-- Runs longer than 1 DAYS are not cut: session windows have no cap.
SET 'auto.offset.reset' = 'earliest';

SET 'cache.max.bytes.buffering' = '0';

CREATE STREAM `gold_sessions_timed` (
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

CREATE TABLE `gold_sessions` WITH (
  KAFKA_TOPIC = 'gold.sessions',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `anonymous_id` AS `_key_anonymous_id`,
  CASE WHEN `anonymous_id` IS NOT NULL AND CAST(UNIX_TIMESTAMP(FROM_UNIXTIME(WINDOWSTART)) AS STRING) IS NOT NULL THEN CONCAT(`anonymous_id`, '@', CAST(UNIX_TIMESTAMP(FROM_UNIXTIME(WINDOWSTART)) AS STRING)) END AS `session_id`,
  AS_VALUE(`anonymous_id`) AS `anonymous_id`,
  FROM_UNIXTIME(WINDOWSTART) AS `session_start`,
  MAX(`event_time`) AS `session_end`,
  CAST(FROM_UNIXTIME(WINDOWSTART) AS DATE) AS `session_date`,
  PARSE_DATE(FORMAT_TIMESTAMP(FROM_UNIXTIME(WINDOWSTART), 'yyyy-MM-dd', 'Europe/Berlin'), 'yyyy-MM-dd') AS `shop_date`,
  MIN(`session_id`) AS `client_session_id`,
  SUBSTRING(MAX(CASE WHEN `customer_id` IS NOT NULL THEN CASE WHEN CAST(UNIX_TIMESTAMP(`event_time`) AS STRING) IS NOT NULL AND `customer_id` IS NOT NULL THEN CONCAT(CAST(UNIX_TIMESTAMP(`event_time`) AS STRING), `customer_id`) END END), 14) AS `customer_id`,
  COUNT(*) AS `events`,
  COUNT(CASE WHEN `event_type` = 'page_view' THEN 1 END) AS `page_views`,
  COUNT(CASE WHEN `event_type` = 'view_item' THEN 1 END) AS `item_views`,
  COUNT(CASE WHEN `event_type` = 'add_to_cart' THEN 1 END) AS `cart_adds`,
  COUNT(CASE WHEN `event_type` = 'begin_checkout' THEN 1 END) AS `checkouts`,
  COUNT(CASE WHEN `event_type` = 'purchase' THEN 1 END) AS `orders`,
  CAST(CASE WHEN COUNT(`revenue`) > 0 THEN SUM(`revenue`) END AS DECIMAL(18, 2)) AS `revenue`,
  MAX(CASE WHEN `event_type` = 'add_to_cart' THEN `event_time` END) AS `last_cart_at`,
  MAX(CASE WHEN `event_type` = 'begin_checkout' THEN `event_time` END) AS `last_checkout_at`,
  SUBSTRING(MAX(CASE WHEN `utm_source` IS NOT NULL THEN CASE WHEN CAST(UNIX_TIMESTAMP(`event_time`) AS STRING) IS NOT NULL AND `utm_source` IS NOT NULL THEN CONCAT(CAST(UNIX_TIMESTAMP(`event_time`) AS STRING), `utm_source`) END END), 14) AS `utm_source`,
  SUBSTRING(MAX(CASE WHEN `utm_medium` IS NOT NULL THEN CASE WHEN CAST(UNIX_TIMESTAMP(`event_time`) AS STRING) IS NOT NULL AND `utm_medium` IS NOT NULL THEN CONCAT(CAST(UNIX_TIMESTAMP(`event_time`) AS STRING), `utm_medium`) END END), 14) AS `utm_medium`,
  SUBSTRING(MAX(CASE WHEN `utm_campaign` IS NOT NULL THEN CASE WHEN CAST(UNIX_TIMESTAMP(`event_time`) AS STRING) IS NOT NULL AND `utm_campaign` IS NOT NULL THEN CONCAT(CAST(UNIX_TIMESTAMP(`event_time`) AS STRING), `utm_campaign`) END END), 14) AS `utm_campaign`,
  MIN(`device`) AS `device`,
  MIN(`geo_country`) AS `geo_country`,
  MIN(`geo_city`) AS `geo_city`,
  UNIX_TIMESTAMP(MAX(`event_time`)) - UNIX_TIMESTAMP(FROM_UNIXTIME(WINDOWSTART)) AS `duration_ms`,
  CASE WHEN UNIX_TIMESTAMP(MAX(`event_time`)) - UNIX_TIMESTAMP(FROM_UNIXTIME(WINDOWSTART)) >= 10000 OR COUNT(CASE WHEN `event_type` = 'page_view' THEN 1 END) >= 2 OR COUNT(CASE WHEN `event_type` = 'purchase' THEN 1 END) > 0 THEN TRUE WHEN UNIX_TIMESTAMP(MAX(`event_time`)) - UNIX_TIMESTAMP(FROM_UNIXTIME(WINDOWSTART)) < 10000 AND COUNT(CASE WHEN `event_type` = 'page_view' THEN 1 END) < 2 AND COUNT(CASE WHEN `event_type` = 'purchase' THEN 1 END) <= 0 THEN FALSE END AS `is_engaged`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_REMOVE(COLLECT_LIST(CASE WHEN CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CASE WHEN CAST(UNIX_TIMESTAMP(`event_time`) AS STRING) IS NOT NULL AND CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CONCAT(CAST(UNIX_TIMESTAMP(`event_time`) AS STRING), CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) END END), CAST(NULL AS STRING))), ' '), '') AS `steps`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_REMOVE(COLLECT_LIST(CASE WHEN CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CASE WHEN CAST(UNIX_TIMESTAMP(`event_time`) AS STRING) IS NOT NULL AND CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CONCAT(CAST(UNIX_TIMESTAMP(`event_time`) AS STRING), CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) END END), CAST(NULL AS STRING))), ' '), '') LIKE '%a%' AS `viewed_item`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_REMOVE(COLLECT_LIST(CASE WHEN CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CASE WHEN CAST(UNIX_TIMESTAMP(`event_time`) AS STRING) IS NOT NULL AND CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CONCAT(CAST(UNIX_TIMESTAMP(`event_time`) AS STRING), CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) END END), CAST(NULL AS STRING))), ' '), '') LIKE '%a%b%' AS `added_to_cart`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_REMOVE(COLLECT_LIST(CASE WHEN CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CASE WHEN CAST(UNIX_TIMESTAMP(`event_time`) AS STRING) IS NOT NULL AND CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CONCAT(CAST(UNIX_TIMESTAMP(`event_time`) AS STRING), CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) END END), CAST(NULL AS STRING))), ' '), '') LIKE '%a%b%c%' AS `reached_checkout`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_REMOVE(COLLECT_LIST(CASE WHEN CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CASE WHEN CAST(UNIX_TIMESTAMP(`event_time`) AS STRING) IS NOT NULL AND CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL THEN CONCAT(CAST(UNIX_TIMESTAMP(`event_time`) AS STRING), CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) END END), CAST(NULL AS STRING))), ' '), '') LIKE '%a%b%c%d%' AS `completed_order`
FROM `gold_sessions_timed`
WINDOW SESSION (30 MINUTES, RETENTION 8 DAYS, GRACE PERIOD 7 DAYS)
WHERE `late_ms` < 5400000
GROUP BY `anonymous_id`
EMIT CHANGES;
