SET 'auto.offset.reset' = 'earliest';

SET 'cache.max.bytes.buffering' = '0';

CREATE STREAM `gold_top_pages_1h_timed` (
  `_key` STRING KEY,
  `event_id` STRING,
  `event_time` TIMESTAMP,
  `anonymous_id` STRING,
  `customer_id` STRING,
  `session_id` STRING,
  `page` STRING,
  `page_title` STRING,
  `page_url` STRING,
  `referrer` STRING,
  `utm_source` STRING,
  `utm_medium` STRING,
  `utm_campaign` STRING,
  `device` STRING,
  `geo_city` STRING,
  `geo_country` STRING,
  `source` STRING,
  `is_bot` BOOLEAN,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  KAFKA_TOPIC = 'silver.page_view',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  TIMESTAMP = '`event_time`'
);

CREATE TABLE `gold_top_pages_1h` WITH (
  KAFKA_TOPIC = 'gold.top_pages_1h',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  COALESCE(`page`, '␀') AS `_key_page`,
  FROM_UNIXTIME(WINDOWSTART) AS `window_start`,
  LATEST_BY_OFFSET(`page`, FALSE) AS `page`,
  COUNT(*) AS `views`
FROM `gold_top_pages_1h_timed`
WINDOW TUMBLING (SIZE 1 HOURS, RETENTION 8 DAYS, GRACE PERIOD 7 DAYS)
WHERE NOT COALESCE(`is_bot`, TRUE)
  AND `late_ms` < 3600000 + 3600000 - UNIX_TIMESTAMP(`event_time`) % 3600000
GROUP BY COALESCE(`page`, '␀')
EMIT CHANGES;
