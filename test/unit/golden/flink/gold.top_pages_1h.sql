CREATE TEMPORARY VIEW `gold_top_pages_1h` AS
SELECT
  `window_start`,
  `page`,
  COUNT(*) AS `views`
FROM TABLE(TUMBLE(TABLE `silver_page_view`, DESCRIPTOR(`event_time`), INTERVAL '1' HOUR))
WHERE NOT `is_bot`
  AND `late_ms` < 3600000 + (EXTRACT(EPOCH FROM `window_end`) * 1000 + EXTRACT(MILLISECOND FROM `window_end`)) - (EXTRACT(EPOCH FROM `event_time`) * 1000 + EXTRACT(MILLISECOND FROM `event_time`))
GROUP BY `window_start`, `page`;

CREATE TABLE `gold_top_pages_1h_topic` (
  `window_start` TIMESTAMP(3) NOT NULL,
  `page` STRING NOT NULL,
  `views` BIGINT,
  PRIMARY KEY (`window_start`, `page`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${TOPIC_PREFIX}gold.top_pages_1h',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'sink.buffer-flush.max-rows' = '2000',
  'sink.buffer-flush.interval' = '1 s',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `gold_top_pages_1h_topic` (`window_start`, `page`, `views`)
SELECT `window_start`, `page`, `views` FROM `gold_top_pages_1h`;
