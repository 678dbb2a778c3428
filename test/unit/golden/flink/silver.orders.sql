CREATE TEMPORARY VIEW `silver_orders` AS
SELECT
  `event_id`,
  `order_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `session_id`,
  CAST(CARDINALITY(`items`) AS BIGINT) AS `lines`,
  COALESCE(lines_units(`items`), 0) AS `units`,
  `revenue`,
  `tax`,
  `shipping`,
  `discount`,
  `revenue` + `tax` + `shipping` AS `total`,
  `coupon`,
  `payment_type`,
  `currency`,
  `utm_source`,
  `utm_medium`,
  `utm_campaign`,
  `device`,
  `geo_city`,
  `geo_country`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` = 'purchase';

CREATE TABLE `silver_orders_topic` (
  `event_id` STRING,
  `order_id` STRING,
  `event_time` TIMESTAMP(3),
  `anonymous_id` STRING,
  `customer_id` STRING,
  `session_id` STRING,
  `lines` BIGINT,
  `units` BIGINT,
  `revenue` DECIMAL(18, 2),
  `tax` DECIMAL(18, 2),
  `shipping` DECIMAL(18, 2),
  `discount` DECIMAL(18, 2),
  `total` DECIMAL(18, 2),
  `coupon` STRING,
  `payment_type` STRING,
  `currency` STRING,
  `utm_source` STRING,
  `utm_medium` STRING,
  `utm_campaign` STRING,
  `device` STRING,
  `geo_city` STRING,
  `geo_country` STRING,
  `is_bot` BOOLEAN,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}silver.orders',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${TOPIC_PREFIX}ccs-silver.orders',
  'properties.transaction.timeout.ms' = '900000',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_orders_topic` (`event_id`, `order_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `lines`, `units`, `revenue`, `tax`, `shipping`, `discount`, `total`, `coupon`, `payment_type`, `currency`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `is_bot`, `late_ms`, `event_date`)
SELECT `event_id`, `order_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `lines`, `units`, `revenue`, `tax`, `shipping`, `discount`, `total`, `coupon`, `payment_type`, `currency`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `is_bot`, `late_ms`, `event_date` FROM `silver_orders`;
