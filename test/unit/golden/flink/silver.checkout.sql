CREATE TEMPORARY VIEW `silver_checkout` AS
SELECT
  `event_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `session_id`,
  `event_type` AS `step`,
  `payment_type`,
  COALESCE(lines_units(`items`), 0) AS `units`,
  CAST(COALESCE(lines_revenue(`items`), 0) * 0.01 AS DECIMAL(18, 2)) AS `value`,
  `currency`,
  `device`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` IN ('begin_checkout', 'add_payment_info');

CREATE TABLE `silver_checkout_topic` (
  `event_id` STRING,
  `event_time` TIMESTAMP(3),
  `anonymous_id` STRING,
  `customer_id` STRING,
  `session_id` STRING,
  `step` STRING,
  `payment_type` STRING,
  `units` BIGINT,
  `value` DECIMAL(18, 2),
  `currency` STRING,
  `device` STRING,
  `is_bot` BOOLEAN,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}silver.checkout',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${TOPIC_PREFIX}ccs-silver.checkout',
  'properties.transaction.timeout.ms' = '900000',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_checkout_topic` (`event_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `step`, `payment_type`, `units`, `value`, `currency`, `device`, `is_bot`, `late_ms`, `event_date`)
SELECT `event_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `step`, `payment_type`, `units`, `value`, `currency`, `device`, `is_bot`, `late_ms`, `event_date` FROM `silver_checkout`;
