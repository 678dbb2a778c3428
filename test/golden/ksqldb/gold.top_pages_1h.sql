SET 'auto.offset.reset' = 'earliest';

SET 'cache.max.bytes.buffering' = '0';

CREATE TABLE `gold_top_pages_1h` WITH (
  KAFKA_TOPIC = 'gold.top_pages_1h',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `page` AS `_key_page`,
  FROM_UNIXTIME(WINDOWSTART) AS `window_start`,
  AS_VALUE(`page`) AS `page`,
  COUNT(*) AS `views`
FROM `silver_page_view`
WINDOW TUMBLING (SIZE 1 HOURS, RETENTION 7 DAYS, GRACE PERIOD 1 HOURS)
WHERE NOT `is_bot`
GROUP BY `page`
EMIT CHANGES;
