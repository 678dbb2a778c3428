SET 'auto.offset.reset' = 'earliest';

CREATE STREAM `silver_orders` WITH (
  KAFKA_TOPIC = 'silver.orders',
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
  `session_id`,
  CAST(ARRAY_LENGTH(`items`) AS BIGINT) AS `lines`,
  COALESCE(CASE WHEN ARRAY_LENGTH(`items`) > 0 THEN REDUCE(`items`, CAST(0 AS BIGINT), (s, i) => s + i->`quantity`) END, CAST(0 AS BIGINT)) AS `units`,
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
WHERE `event_type` = 'purchase'
EMIT CHANGES;
