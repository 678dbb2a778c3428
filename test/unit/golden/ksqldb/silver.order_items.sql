SET 'auto.offset.reset' = 'earliest';

CREATE STREAM `silver_order_items_lines` WITH (
  KAFKA_TOPIC = 'silver.order_items.lines',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  RETENTION_MS = ${CCS_RETENTION_MS},
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `_key`,
  `event_id`,
  `event_type`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `session_id`,
  `page`,
  `page_title`,
  `page_url`,
  `referrer`,
  `utm_source`,
  `utm_medium`,
  `utm_campaign`,
  `device`,
  `geo_city`,
  `geo_country`,
  `source`,
  `bot_rule`,
  `is_bot`,
  `currency`,
  `consent`,
  `search_term`,
  `results_count`,
  `payment_type`,
  `order_id`,
  `coupon`,
  `tax`,
  `shipping`,
  `discount`,
  `revenue`,
  `refund_amount`,
  `items`,
  `topic`,
  `partition`,
  `offset`,
  `late_ms`,
  `event_date`,
  EXPLODE(GENERATE_SERIES(1, ARRAY_LENGTH(`items`))) AS `line`
FROM `silver_events`
WHERE ARRAY_LENGTH(`items`) > 0
  AND `event_type` = 'purchase'
EMIT CHANGES;

CREATE STREAM `silver_order_items` WITH (
  KAFKA_TOPIC = 'silver.order_items',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  RETENTION_MS = ${CCS_RETENTION_MS},
  PARTITIONS = ${CCS_PARTITIONS}
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
