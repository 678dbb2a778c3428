SET 'auto.offset.reset' = 'earliest';

CREATE STREAM `silver_checkout` WITH (
  KAFKA_TOPIC = 'silver.checkout',
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
  `event_type` AS `step`,
  `payment_type`,
  COALESCE(CASE WHEN ARRAY_LENGTH(`items`) > 0 THEN REDUCE(`items`, CAST(0 AS BIGINT), (s, i) => s + i->`quantity`) END, CAST(0 AS BIGINT)) AS `units`,
  CAST(COALESCE(CASE WHEN ARRAY_LENGTH(`items`) > 0 THEN REDUCE(`items`, CAST(0 AS BIGINT), (s, i) => s + i->`unit_price_minor` * i->`quantity` - i->`discount_minor`) END, CAST(0 AS BIGINT)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) AS `value`,
  `currency`,
  `device`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` IN ('begin_checkout', 'add_payment_info')
EMIT CHANGES;
