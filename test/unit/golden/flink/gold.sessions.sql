-- A session shows once no event can change it any more: twice the pause and the lateness after its end.
CREATE TEMPORARY VIEW `gold_sessions_in` AS
SELECT
  *,
  CAST(`event_time` AS TIMESTAMP(3)) AS `_time`
FROM `silver_people`
WHERE `late_ms` < 5400000;

CREATE TEMPORARY VIEW `gold_sessions` AS
SELECT
  `anonymous_id` || '@' || CAST((EXTRACT(EPOCH FROM MIN(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MIN(`_time`))) AS STRING) AS `session_id`,
  `anonymous_id`,
  MIN(`_time`) AS `session_start`,
  MAX(`_time`) AS `session_end`,
  CAST(MIN(`_time`) AS DATE) AS `session_date`,
  TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(MIN(`_time`), 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10)) AS `shop_date`,
  MIN(`session_id`) AS `client_session_id`,
  SUBSTRING(MAX(CASE WHEN `customer_id` IS NOT NULL THEN CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || `customer_id` END), 14) AS `customer_id`,
  COUNT(*) AS `events`,
  COUNT(*) FILTER (WHERE `event_type` = 'page_view') AS `page_views`,
  COUNT(*) FILTER (WHERE `event_type` = 'view_item') AS `item_views`,
  COUNT(*) FILTER (WHERE `event_type` = 'add_to_cart') AS `cart_adds`,
  COUNT(*) FILTER (WHERE `event_type` = 'begin_checkout') AS `checkouts`,
  COUNT(*) FILTER (WHERE `event_type` = 'purchase') AS `orders`,
  CAST(SUM(`revenue`) AS DECIMAL(18, 2)) AS `revenue`,
  MAX(`_time`) FILTER (WHERE `event_type` = 'add_to_cart') AS `last_cart_at`,
  MAX(`_time`) FILTER (WHERE `event_type` = 'begin_checkout') AS `last_checkout_at`,
  SUBSTRING(MAX(CASE WHEN `utm_source` IS NOT NULL THEN CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || `utm_source` END), 14) AS `utm_source`,
  SUBSTRING(MAX(CASE WHEN `utm_medium` IS NOT NULL THEN CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || `utm_medium` END), 14) AS `utm_medium`,
  SUBSTRING(MAX(CASE WHEN `utm_campaign` IS NOT NULL THEN CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || `utm_campaign` END), 14) AS `utm_campaign`,
  MIN(`device`) AS `device`,
  MIN(`geo_country`) AS `geo_country`,
  MIN(`geo_city`) AS `geo_city`,
  (EXTRACT(EPOCH FROM MAX(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MAX(`_time`))) - (EXTRACT(EPOCH FROM MIN(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MIN(`_time`))) AS `duration_ms`,
  (EXTRACT(EPOCH FROM MAX(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MAX(`_time`))) - (EXTRACT(EPOCH FROM MIN(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MIN(`_time`))) >= 10000 OR COUNT(*) FILTER (WHERE `event_type` = 'page_view') >= 2 OR COUNT(*) FILTER (WHERE `event_type` = 'purchase') > 0 AS `is_engaged`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') AS `steps`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') LIKE '%a%' AS `viewed_item`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') LIKE '%a%b%' AS `added_to_cart`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') LIKE '%a%b%c%' AS `reached_checkout`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') LIKE '%a%b%c%d%' AS `completed_order`
FROM TABLE(SESSION(TABLE `gold_sessions_in` PARTITION BY `anonymous_id`, DESCRIPTOR(`event_time`), INTERVAL '30' MINUTE))
GROUP BY `anonymous_id`, `window_start`, `window_end`
HAVING (EXTRACT(EPOCH FROM `window_end`) * 1000 + EXTRACT(MILLISECOND FROM `window_end`)) - (EXTRACT(EPOCH FROM `window_start`) * 1000 + EXTRACT(MILLISECOND FROM `window_start`)) <= 88200000
UNION ALL
SELECT
  `anonymous_id` || '@' || CAST((EXTRACT(EPOCH FROM MIN(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MIN(`_time`))) AS STRING) AS `session_id`,
  `anonymous_id`,
  MIN(`_time`) AS `session_start`,
  MAX(`_time`) AS `session_end`,
  CAST(MIN(`_time`) AS DATE) AS `session_date`,
  TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(MIN(`_time`), 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10)) AS `shop_date`,
  MIN(`session_id`) AS `client_session_id`,
  SUBSTRING(MAX(CASE WHEN `customer_id` IS NOT NULL THEN CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || `customer_id` END), 14) AS `customer_id`,
  COUNT(*) AS `events`,
  COUNT(*) FILTER (WHERE `event_type` = 'page_view') AS `page_views`,
  COUNT(*) FILTER (WHERE `event_type` = 'view_item') AS `item_views`,
  COUNT(*) FILTER (WHERE `event_type` = 'add_to_cart') AS `cart_adds`,
  COUNT(*) FILTER (WHERE `event_type` = 'begin_checkout') AS `checkouts`,
  COUNT(*) FILTER (WHERE `event_type` = 'purchase') AS `orders`,
  CAST(SUM(`revenue`) AS DECIMAL(18, 2)) AS `revenue`,
  MAX(`_time`) FILTER (WHERE `event_type` = 'add_to_cart') AS `last_cart_at`,
  MAX(`_time`) FILTER (WHERE `event_type` = 'begin_checkout') AS `last_checkout_at`,
  SUBSTRING(MAX(CASE WHEN `utm_source` IS NOT NULL THEN CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || `utm_source` END), 14) AS `utm_source`,
  SUBSTRING(MAX(CASE WHEN `utm_medium` IS NOT NULL THEN CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || `utm_medium` END), 14) AS `utm_medium`,
  SUBSTRING(MAX(CASE WHEN `utm_campaign` IS NOT NULL THEN CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || `utm_campaign` END), 14) AS `utm_campaign`,
  MIN(`device`) AS `device`,
  MIN(`geo_country`) AS `geo_country`,
  MIN(`geo_city`) AS `geo_city`,
  (EXTRACT(EPOCH FROM MAX(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MAX(`_time`))) - (EXTRACT(EPOCH FROM MIN(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MIN(`_time`))) AS `duration_ms`,
  (EXTRACT(EPOCH FROM MAX(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MAX(`_time`))) - (EXTRACT(EPOCH FROM MIN(`_time`)) * 1000 + EXTRACT(MILLISECOND FROM MIN(`_time`))) >= 10000 OR COUNT(*) FILTER (WHERE `event_type` = 'page_view') >= 2 OR COUNT(*) FILTER (WHERE `event_type` = 'purchase') > 0 AS `is_engaged`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') AS `steps`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') LIKE '%a%' AS `viewed_item`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') LIKE '%a%b%' AS `added_to_cart`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') LIKE '%a%b%c%' AS `reached_checkout`,
  COALESCE(ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CAST((EXTRACT(EPOCH FROM `_time`) * 1000 + EXTRACT(MILLISECOND FROM `_time`)) AS STRING) || CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END) FILTER (WHERE CASE WHEN `event_type` = 'view_item' THEN 'a' WHEN `event_type` = 'add_to_cart' THEN 'b' WHEN `event_type` = 'begin_checkout' THEN 'c' WHEN `event_type` = 'purchase' THEN 'd' END IS NOT NULL)), ' '), '') LIKE '%a%b%c%d%' AS `completed_order`
FROM TABLE(SESSION(TABLE `gold_sessions_in` PARTITION BY `anonymous_id`, DESCRIPTOR(`event_time`), INTERVAL '30' MINUTE))
WHERE (EXTRACT(EPOCH FROM `window_end`) * 1000 + EXTRACT(MILLISECOND FROM `window_end`)) - (EXTRACT(EPOCH FROM `window_start`) * 1000 + EXTRACT(MILLISECOND FROM `window_start`)) > 88200000
GROUP BY `anonymous_id`, CAST(`_time` AS DATE), `window_start`, `window_end`;

CREATE TABLE `gold_sessions_topic` (
  `session_id` STRING NOT NULL,
  `anonymous_id` STRING,
  `session_start` TIMESTAMP(3),
  `session_end` TIMESTAMP(3),
  `session_date` DATE,
  `shop_date` DATE,
  `client_session_id` STRING,
  `customer_id` STRING,
  `events` BIGINT,
  `page_views` BIGINT,
  `item_views` BIGINT,
  `cart_adds` BIGINT,
  `checkouts` BIGINT,
  `orders` BIGINT,
  `revenue` DECIMAL(18, 2),
  `last_cart_at` TIMESTAMP(3),
  `last_checkout_at` TIMESTAMP(3),
  `utm_source` STRING,
  `utm_medium` STRING,
  `utm_campaign` STRING,
  `device` STRING,
  `geo_country` STRING,
  `geo_city` STRING,
  `duration_ms` BIGINT,
  `is_engaged` BOOLEAN,
  `steps` STRING,
  `viewed_item` BOOLEAN,
  `added_to_cart` BOOLEAN,
  `reached_checkout` BOOLEAN,
  `completed_order` BOOLEAN,
  PRIMARY KEY (`session_id`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${TOPIC_PREFIX}gold.sessions',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'sink.buffer-flush.max-rows' = '2000',
  'sink.buffer-flush.interval' = '1 s',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `gold_sessions_topic` (`session_id`, `anonymous_id`, `session_start`, `session_end`, `session_date`, `shop_date`, `client_session_id`, `customer_id`, `events`, `page_views`, `item_views`, `cart_adds`, `checkouts`, `orders`, `revenue`, `last_cart_at`, `last_checkout_at`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_country`, `geo_city`, `duration_ms`, `is_engaged`, `steps`, `viewed_item`, `added_to_cart`, `reached_checkout`, `completed_order`)
SELECT `session_id`, `anonymous_id`, `session_start`, `session_end`, `session_date`, `shop_date`, `client_session_id`, `customer_id`, `events`, `page_views`, `item_views`, `cart_adds`, `checkouts`, `orders`, `revenue`, `last_cart_at`, `last_checkout_at`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_country`, `geo_city`, `duration_ms`, `is_engaged`, `steps`, `viewed_item`, `added_to_cart`, `reached_checkout`, `completed_order` FROM `gold_sessions`;
