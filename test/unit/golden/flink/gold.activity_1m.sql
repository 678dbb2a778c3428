CREATE TEMPORARY VIEW `gold_activity_1m` AS
SELECT
  `window_start`,
  COUNT(*) AS `events`,
  COUNT(DISTINCT `anonymous_id`) AS `visitors`,
  COUNT(*) FILTER (WHERE `event_type` = 'page_view') AS `page_views`,
  COUNT(*) FILTER (WHERE `event_type` = 'view_item') AS `item_views`,
  COUNT(*) FILTER (WHERE `event_type` = 'add_to_cart') AS `cart_adds`,
  COUNT(*) FILTER (WHERE `event_type` = 'begin_checkout') AS `checkouts`,
  COUNT(*) FILTER (WHERE `event_type` = 'purchase') AS `orders`,
  CAST(SUM(`revenue`) AS DECIMAL(18, 2)) AS `revenue`
FROM TABLE(TUMBLE(TABLE `silver_people`, DESCRIPTOR(`event_time`), INTERVAL '1' MINUTE))
WHERE `late_ms` < 600000 + (EXTRACT(EPOCH FROM `window_end`) * 1000 + EXTRACT(MILLISECOND FROM `window_end`)) - (EXTRACT(EPOCH FROM `event_time`) * 1000 + EXTRACT(MILLISECOND FROM `event_time`))
GROUP BY `window_start`;

CREATE TABLE `gold_activity_1m_topic` (
  `window_start` TIMESTAMP(3) NOT NULL,
  `events` BIGINT,
  `visitors` BIGINT,
  `page_views` BIGINT,
  `item_views` BIGINT,
  `cart_adds` BIGINT,
  `checkouts` BIGINT,
  `orders` BIGINT,
  `revenue` DECIMAL(18, 2),
  PRIMARY KEY (`window_start`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${TOPIC_PREFIX}gold.activity_1m',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'sink.buffer-flush.max-rows' = '2000',
  'sink.buffer-flush.interval' = '1 s',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `gold_activity_1m_topic` (`window_start`, `events`, `visitors`, `page_views`, `item_views`, `cart_adds`, `checkouts`, `orders`, `revenue`)
SELECT `window_start`, `events`, `visitors`, `page_views`, `item_views`, `cart_adds`, `checkouts`, `orders`, `revenue` FROM `gold_activity_1m`;
