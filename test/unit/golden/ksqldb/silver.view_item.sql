SET 'auto.offset.reset' = 'earliest';

CREATE STREAM `silver_view_item` WITH (
  KAFKA_TOPIC = 'silver.view_item',
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
  `page`,
  `items`[1]->`sku` AS `sku`,
  `items`[1]->`name` AS `item_name`,
  `items`[1]->`category` AS `category`,
  `items`[1]->`brand` AS `brand`,
  CAST(`items`[1]->`unit_price_minor` * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) AS `unit_price`,
  `currency`,
  `device`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` = 'view_item'
EMIT CHANGES;
