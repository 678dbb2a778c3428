-- gold.sessions holds sessions that are over; those under way are not counted here.
CREATE TEMPORARY VIEW `gold_campaign_daily` AS
SELECT
  `shop_date`,
  COALESCE(`utm_source`, '(direct)') AS `utm_source`,
  COALESCE(`utm_medium`, '(none)') AS `utm_medium`,
  COALESCE(`utm_campaign`, '(none)') AS `utm_campaign`,
  COUNT(*) AS `sessions`,
  COUNT(*) FILTER (WHERE `is_engaged`) AS `engaged_sessions`,
  COUNT(*) FILTER (WHERE `orders` > 0) AS `converted_sessions`,
  CAST(SUM(CAST(`orders` AS BIGINT)) AS BIGINT) AS `orders`,
  CAST(SUM(`revenue`) AS DECIMAL(18, 2)) AS `revenue`
FROM `gold_sessions`
GROUP BY `shop_date`, COALESCE(`utm_source`, '(direct)'), COALESCE(`utm_medium`, '(none)'), COALESCE(`utm_campaign`, '(none)');

CREATE TABLE `gold_campaign_daily_topic` (
  `shop_date` DATE NOT NULL,
  `utm_source` STRING NOT NULL,
  `utm_medium` STRING NOT NULL,
  `utm_campaign` STRING NOT NULL,
  `sessions` BIGINT,
  `engaged_sessions` BIGINT,
  `converted_sessions` BIGINT,
  `orders` BIGINT,
  `revenue` DECIMAL(18, 2),
  PRIMARY KEY (`shop_date`, `utm_source`, `utm_medium`, `utm_campaign`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${TOPIC_PREFIX}gold.campaign_daily',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'sink.buffer-flush.max-rows' = '2000',
  'sink.buffer-flush.interval' = '1 s',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `gold_campaign_daily_topic` (`shop_date`, `utm_source`, `utm_medium`, `utm_campaign`, `sessions`, `engaged_sessions`, `converted_sessions`, `orders`, `revenue`)
SELECT `shop_date`, `utm_source`, `utm_medium`, `utm_campaign`, `sessions`, `engaged_sessions`, `converted_sessions`, `orders`, `revenue` FROM `gold_campaign_daily`;
