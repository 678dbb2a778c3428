CREATE STREAM `silver_people` WITH (
  KAFKA_TOPIC = 'silver.people',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS},
  RETENTION_MS = 604800000,
  TIMESTAMP = '`event_time`'
) AS
SELECT
  *
FROM `silver_events`
WHERE NOT `is_bot`
EMIT CHANGES;
