-- gold.sessions holds sessions that are over; those under way are not counted here.
CREATE TEMPORARY VIEW `gold_device_daily` AS
SELECT
  `shop_date`,
  `device`,
  COUNT(*) AS `sessions`,
  COUNT(DISTINCT `anonymous_id`) AS `visitors`,
  COUNT(*) FILTER (WHERE `is_engaged`) AS `engaged_sessions`,
  CAST(SUM(CAST(`orders` AS BIGINT)) AS BIGINT) AS `orders`,
  CAST(SUM(`revenue`) AS DECIMAL(18, 2)) AS `revenue`
FROM `gold_sessions`
GROUP BY `shop_date`, `device`;

CREATE TABLE `gold_device_daily_topic` (
  `shop_date` DATE NOT NULL,
  `device` STRING NOT NULL,
  `sessions` BIGINT,
  `visitors` BIGINT,
  `engaged_sessions` BIGINT,
  `orders` BIGINT,
  `revenue` DECIMAL(18, 2),
  PRIMARY KEY (`shop_date`, `device`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${TOPIC_PREFIX}gold.device_daily',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'sink.buffer-flush.max-rows' = '2000',
  'sink.buffer-flush.interval' = '1 s',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `gold_device_daily_topic` (`shop_date`, `device`, `sessions`, `visitors`, `engaged_sessions`, `orders`, `revenue`)
SELECT `shop_date`, `device`, `sessions`, `visitors`, `engaged_sessions`, `orders`, `revenue` FROM `gold_device_daily`;
