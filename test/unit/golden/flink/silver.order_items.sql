CREATE TEMPORARY VIEW `silver_order_items` AS
SELECT
  `event_id`,
  `order_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `line`,
  `_items_sku` AS `sku`,
  `_items_name` AS `item_name`,
  COALESCE(`_items_category`, '(none)') AS `category`,
  `_items_brand` AS `brand`,
  `_items_quantity` AS `quantity`,
  CAST(`_items_unit_price_minor` * 0.01 AS DECIMAL(18, 2)) AS `unit_price`,
  CAST(`_items_discount_minor` * 0.01 AS DECIMAL(18, 2)) AS `discount`,
  CAST((`_items_unit_price_minor` * `_items_quantity` - `_items_discount_minor`) * 0.01 AS DECIMAL(18, 2)) AS `revenue`,
  `currency`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
CROSS JOIN UNNEST(`items`) WITH ORDINALITY AS `_items` (`_items_sku`, `_items_name`, `_items_category`, `_items_brand`, `_items_unit_price_minor`, `_items_quantity`, `_items_discount_minor`, `line`)
WHERE `event_type` = 'purchase';

CREATE TABLE `silver_order_items_topic` (
  `event_id` STRING,
  `order_id` STRING,
  `event_time` TIMESTAMP(3),
  `anonymous_id` STRING,
  `customer_id` STRING,
  `line` BIGINT,
  `sku` STRING,
  `item_name` STRING,
  `category` STRING,
  `brand` STRING,
  `quantity` INT,
  `unit_price` DECIMAL(18, 2),
  `discount` DECIMAL(18, 2),
  `revenue` DECIMAL(18, 2),
  `currency` STRING,
  `is_bot` BOOLEAN,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}silver.order_items',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id;line',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${TOPIC_PREFIX}ccs-silver.order_items',
  'properties.transaction.timeout.ms' = '900000',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_order_items_topic` (`event_id`, `order_id`, `event_time`, `anonymous_id`, `customer_id`, `line`, `sku`, `item_name`, `category`, `brand`, `quantity`, `unit_price`, `discount`, `revenue`, `currency`, `is_bot`, `late_ms`, `event_date`)
SELECT `event_id`, `order_id`, `event_time`, `anonymous_id`, `customer_id`, `line`, `sku`, `item_name`, `category`, `brand`, `quantity`, `unit_price`, `discount`, `revenue`, `currency`, `is_bot`, `late_ms`, `event_date` FROM `silver_order_items`;
