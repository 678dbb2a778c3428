CREATE TEMPORARY VIEW `silver_cart_event` AS
SELECT
  `event_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `session_id`,
  CASE WHEN `event_type` = 'add_to_cart' THEN 'add' ELSE 'remove' END AS `action`,
  `items`[1].`sku` AS `sku`,
  `items`[1].`name` AS `item_name`,
  `items`[1].`category` AS `category`,
  `items`[1].`brand` AS `brand`,
  CAST(`items`[1].`unit_price_minor` * 0.01 AS DECIMAL(18, 2)) AS `unit_price`,
  `items`[1].`quantity` AS `quantity`,
  `currency`,
  `device`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` IN ('add_to_cart', 'remove_from_cart');

CREATE TABLE `silver_cart_event_topic` (
  `event_id` STRING,
  `event_time` TIMESTAMP(3),
  `anonymous_id` STRING,
  `customer_id` STRING,
  `session_id` STRING,
  `action` STRING,
  `sku` STRING,
  `item_name` STRING,
  `category` STRING,
  `brand` STRING,
  `unit_price` DECIMAL(18, 2),
  `quantity` INT,
  `currency` STRING,
  `device` STRING,
  `is_bot` BOOLEAN,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}silver.cart_event',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${TOPIC_PREFIX}ccs-silver.cart_event',
  'properties.transaction.timeout.ms' = '900000',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_cart_event_topic` (`event_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `action`, `sku`, `item_name`, `category`, `brand`, `unit_price`, `quantity`, `currency`, `device`, `is_bot`, `late_ms`, `event_date`)
SELECT `event_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `action`, `sku`, `item_name`, `category`, `brand`, `unit_price`, `quantity`, `currency`, `device`, `is_bot`, `late_ms`, `event_date` FROM `silver_cart_event`;
