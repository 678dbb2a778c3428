CREATE TEMPORARY VIEW `gold_top_pages_1h` AS
SELECT
  `window_start`,
  `page`,
  COUNT(*) AS `views`
FROM TABLE(TUMBLE(TABLE `silver_page_view`, DESCRIPTOR(`event_time`), INTERVAL '1' HOUR))
WHERE NOT `is_bot`
  AND `late_ms` < 3600000 + (UNIX_TIMESTAMP(DATE_FORMAT(`window_end`, 'yyyy-MM-dd HH:mm:ss')) * 1000 + CAST(DATE_FORMAT(`window_end`, 'SSS') AS BIGINT)) - (UNIX_TIMESTAMP(DATE_FORMAT(`event_time`, 'yyyy-MM-dd HH:mm:ss')) * 1000 + CAST(DATE_FORMAT(`event_time`, 'SSS') AS BIGINT))
GROUP BY `window_start`, `page`;

CREATE TABLE `gold_top_pages_1h_topic` (
  `window_start` TIMESTAMP(3) NOT NULL,
  `page` STRING NOT NULL,
  `views` BIGINT,
  PRIMARY KEY (`window_start`, `page`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'gold.top_pages_1h',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `gold_top_pages_1h_topic` (`window_start`, `page`, `views`)
SELECT `window_start`, `page`, `views` FROM `gold_top_pages_1h`;
