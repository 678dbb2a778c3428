CREATE TEMPORARY VIEW `silver_refunds` AS
SELECT
  `event_id`,
  `order_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  COALESCE(lines_units(`items`), 0) AS `units`,
  `refund_amount`,
  `currency`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` = 'refund';

CREATE TABLE `silver_refunds_topic` (
  `event_id` STRING,
  `order_id` STRING,
  `event_time` TIMESTAMP(3),
  `anonymous_id` STRING,
  `customer_id` STRING,
  `units` BIGINT,
  `refund_amount` DECIMAL(18, 2),
  `currency` STRING,
  `is_bot` BOOLEAN,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}silver.refunds',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${TOPIC_PREFIX}ccs-silver.refunds',
  'properties.transaction.timeout.ms' = '900000',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_refunds_topic` (`event_id`, `order_id`, `event_time`, `anonymous_id`, `customer_id`, `units`, `refund_amount`, `currency`, `is_bot`, `late_ms`, `event_date`)
SELECT `event_id`, `order_id`, `event_time`, `anonymous_id`, `customer_id`, `units`, `refund_amount`, `currency`, `is_bot`, `late_ms`, `event_date` FROM `silver_refunds`;
