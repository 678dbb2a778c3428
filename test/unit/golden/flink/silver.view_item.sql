CREATE TEMPORARY VIEW `silver_view_item` AS
SELECT
  `event_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `session_id`,
  `page`,
  `items`[1].`sku` AS `sku`,
  `items`[1].`name` AS `item_name`,
  `items`[1].`category` AS `category`,
  `items`[1].`brand` AS `brand`,
  CAST(`items`[1].`unit_price_minor` * 0.01 AS DECIMAL(18, 2)) AS `unit_price`,
  `currency`,
  `device`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` = 'view_item';

CREATE TABLE `silver_view_item_topic` (
  `event_id` STRING,
  `event_time` TIMESTAMP(3),
  `anonymous_id` STRING,
  `customer_id` STRING,
  `session_id` STRING,
  `page` STRING,
  `sku` STRING,
  `item_name` STRING,
  `category` STRING,
  `brand` STRING,
  `unit_price` DECIMAL(18, 2),
  `currency` STRING,
  `device` STRING,
  `is_bot` BOOLEAN,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}silver.view_item',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${TOPIC_PREFIX}ccs-silver.view_item',
  'properties.transaction.timeout.ms' = '900000',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_view_item_topic` (`event_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `page`, `sku`, `item_name`, `category`, `brand`, `unit_price`, `currency`, `device`, `is_bot`, `late_ms`, `event_date`)
SELECT `event_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `page`, `sku`, `item_name`, `category`, `brand`, `unit_price`, `currency`, `device`, `is_bot`, `late_ms`, `event_date` FROM `silver_view_item`;
