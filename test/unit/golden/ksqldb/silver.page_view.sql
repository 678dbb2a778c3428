SET 'auto.offset.reset' = 'earliest';

CREATE STREAM `silver_page_view` WITH (
  KAFKA_TOPIC = 'silver.page_view',
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
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` = 'page_view'
EMIT CHANGES;
