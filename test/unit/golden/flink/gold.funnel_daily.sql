-- gold.sessions holds sessions that are over; those under way are not counted here.
CREATE TEMPORARY VIEW `gold_funnel_daily` AS
SELECT
  `shop_date`,
  COUNT(*) AS `sessions`,
  COUNT(*) FILTER (WHERE `viewed_item`) AS `views`,
  COUNT(*) FILTER (WHERE `added_to_cart`) AS `carts`,
  COUNT(*) FILTER (WHERE `reached_checkout`) AS `checkouts`,
  COUNT(*) FILTER (WHERE `completed_order`) AS `orders`,
  COUNT(*) FILTER (WHERE `orders` > 0) AS `converted_sessions`,
  COUNT(*) FILTER (WHERE `is_engaged`) AS `engaged_sessions`,
  CAST(COUNT(*) FILTER (WHERE `orders` > 0) AS DOUBLE) / NULLIF(COUNT(*), 0) AS `conversion_rate`
FROM `gold_sessions`
GROUP BY `shop_date`;

CREATE TABLE `gold_funnel_daily_topic` (
  `shop_date` DATE NOT NULL,
  `sessions` BIGINT,
  `views` BIGINT,
  `carts` BIGINT,
  `checkouts` BIGINT,
  `orders` BIGINT,
  `converted_sessions` BIGINT,
  `engaged_sessions` BIGINT,
  `conversion_rate` DOUBLE,
  PRIMARY KEY (`shop_date`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${TOPIC_PREFIX}gold.funnel_daily',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'sink.buffer-flush.max-rows' = '2000',
  'sink.buffer-flush.interval' = '1 s',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `gold_funnel_daily_topic` (`shop_date`, `sessions`, `views`, `carts`, `checkouts`, `orders`, `converted_sessions`, `engaged_sessions`, `conversion_rate`)
SELECT `shop_date`, `sessions`, `views`, `carts`, `checkouts`, `orders`, `converted_sessions`, `engaged_sessions`, `conversion_rate` FROM `gold_funnel_daily`;
