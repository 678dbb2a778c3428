CREATE TEMPORARY VIEW `gold_revenue_by_category_daily` AS
SELECT
  TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(`event_time`, 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10)) AS `shop_date`,
  `currency`,
  `category`,
  COUNT(*) AS `lines`,
  COUNT(DISTINCT `order_id`) AS `orders`,
  CAST(SUM(CAST(`quantity` AS BIGINT)) AS BIGINT) AS `units`,
  CAST(SUM(`revenue`) AS DECIMAL(18, 2)) AS `revenue`
FROM `silver_order_items`
WHERE NOT `is_bot`
  AND `late_ms` < 21600000 + UNIX_TIMESTAMP(CONVERT_TZ(DATE_FORMAT(CAST(TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(`event_time`, 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10)) + INTERVAL '1' DAY AS TIMESTAMP(3)), 'yyyy-MM-dd HH:mm:ss'), 'Europe/Berlin', 'UTC')) * 1000 - (EXTRACT(EPOCH FROM `event_time`) * 1000 + EXTRACT(MILLISECOND FROM `event_time`))
GROUP BY TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(`event_time`, 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10)), `currency`, `category`;

CREATE TABLE `gold_revenue_by_category_daily_topic` (
  `shop_date` DATE NOT NULL,
  `currency` STRING NOT NULL,
  `category` STRING NOT NULL,
  `lines` BIGINT,
  `orders` BIGINT,
  `units` BIGINT,
  `revenue` DECIMAL(18, 2),
  PRIMARY KEY (`shop_date`, `currency`, `category`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${TOPIC_PREFIX}gold.revenue_by_category_daily',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'sink.buffer-flush.max-rows' = '2000',
  'sink.buffer-flush.interval' = '1 s',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `gold_revenue_by_category_daily_topic` (`shop_date`, `currency`, `category`, `lines`, `orders`, `units`, `revenue`)
SELECT `shop_date`, `currency`, `category`, `lines`, `orders`, `units`, `revenue` FROM `gold_revenue_by_category_daily`;
