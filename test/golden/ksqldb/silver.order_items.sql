CREATE STREAM `silver_order_items_lines` WITH (
  KAFKA_TOPIC = 'silver.order_items.lines',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS},
  RETENTION_MS = 604800000,
  TIMESTAMP = '`event_time`'
) AS
SELECT
  *,
  EXPLODE(GENERATE_SERIES(1, ARRAY_LENGTH(`items`))) AS `line`
FROM `silver_events`
WHERE ARRAY_LENGTH(`items`) > 0
  AND `event_type` = 'purchase'
EMIT CHANGES;

CREATE STREAM `silver_order_items` WITH (
  KAFKA_TOPIC = 'silver.order_items',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS},
  RETENTION_MS = 604800000,
  TIMESTAMP = '`event_time`'
) AS
SELECT
  `_key`,
  `event_id`,
  `order_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  CAST(`line` AS BIGINT) AS `line`,
  `items`[`line`]->`sku` AS `sku`,
  `items`[`line`]->`name` AS `item_name`,
  COALESCE(`items`[`line`]->`category`, '(none)') AS `category`,
  `items`[`line`]->`brand` AS `brand`,
  `items`[`line`]->`quantity` AS `quantity`,
  CAST(`items`[`line`]->`unit_price_minor` * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) AS `unit_price`,
  CAST(`items`[`line`]->`discount_minor` * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) AS `discount`,
  CAST((`items`[`line`]->`unit_price_minor` * `items`[`line`]->`quantity` - `items`[`line`]->`discount_minor`) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) AS `revenue`,
  `currency`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_order_items_lines`
EMIT CHANGES;
