SET 'auto.offset.reset' = 'earliest';

CREATE STREAM `silver_refunds` WITH (
  KAFKA_TOPIC = 'silver.refunds',
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
  COALESCE(CASE WHEN ARRAY_LENGTH(`items`) > 0 THEN REDUCE(`items`, CAST(0 AS BIGINT), (s, i) => s + i->`quantity`) END, CAST(0 AS BIGINT)) AS `units`,
  `refund_amount`,
  `currency`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` = 'refund'
EMIT CHANGES;
