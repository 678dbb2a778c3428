SET 'auto.offset.reset' = 'earliest';

CREATE STREAM `silver_cart_event` WITH (
  KAFKA_TOPIC = 'silver.cart_event',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  RETENTION_MS = ${CCS_RETENTION_MS},
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `_key`,
  `event_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `session_id`,
  CASE WHEN `event_type` = 'add_to_cart' THEN 'add' ELSE 'remove' END AS `action`,
  `items`[1]->`sku` AS `sku`,
  `items`[1]->`name` AS `item_name`,
  `items`[1]->`category` AS `category`,
  `items`[1]->`brand` AS `brand`,
  CAST(`items`[1]->`unit_price_minor` * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) AS `unit_price`,
  `items`[1]->`quantity` AS `quantity`,
  `currency`,
  `device`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` IN ('add_to_cart', 'remove_from_cart')
EMIT CHANGES;
