CREATE TEMPORARY VIEW `gold_revenue_daily` AS
SELECT
  TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(`event_time`, 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10)) AS `shop_date`,
  `currency`,
  COUNT(*) FILTER (WHERE `event_type` = 'purchase') AS `orders`,
  COUNT(DISTINCT `anonymous_id`) FILTER (WHERE `event_type` = 'purchase') AS `buyers`,
  CAST(SUM(`revenue`) AS DECIMAL(18, 2)) AS `revenue`,
  CAST(SUM(CASE WHEN `event_type` = 'purchase' THEN `tax` ELSE CAST(0 * 0.01 AS DECIMAL(18, 2)) END) AS DECIMAL(18, 2)) AS `tax`,
  CAST(SUM(CASE WHEN `event_type` = 'purchase' THEN `shipping` ELSE CAST(0 * 0.01 AS DECIMAL(18, 2)) END) AS DECIMAL(18, 2)) AS `shipping`,
  COUNT(*) FILTER (WHERE `event_type` = 'refund') AS `refund_count`,
  CAST(SUM(`refund_amount`) AS DECIMAL(18, 2)) AS `refunds`,
  CAST(SUM(`revenue`) - SUM(`refund_amount`) AS DECIMAL(18, 2)) AS `net_revenue`
FROM `silver_people`
WHERE `event_type` IN ('purchase', 'refund')
  AND `late_ms` < 21600000 + UNIX_TIMESTAMP(CONVERT_TZ(DATE_FORMAT(CAST(TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(`event_time`, 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10)) + INTERVAL '1' DAY AS TIMESTAMP(3)), 'yyyy-MM-dd HH:mm:ss'), 'Europe/Berlin', 'UTC')) * 1000 - (EXTRACT(EPOCH FROM `event_time`) * 1000 + EXTRACT(MILLISECOND FROM `event_time`))
GROUP BY TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(`event_time`, 'yyyy-MM-dd HH:mm:ss'), 'UTC', 'Europe/Berlin'), 1, 10)), `currency`;

CREATE TABLE `gold_revenue_daily_topic` (
  `shop_date` DATE NOT NULL,
  `currency` STRING NOT NULL,
  `orders` BIGINT,
  `buyers` BIGINT,
  `revenue` DECIMAL(18, 2),
  `tax` DECIMAL(18, 2),
  `shipping` DECIMAL(18, 2),
  `refund_count` BIGINT,
  `refunds` DECIMAL(18, 2),
  `net_revenue` DECIMAL(18, 2),
  PRIMARY KEY (`shop_date`, `currency`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${TOPIC_PREFIX}gold.revenue_daily',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'sink.buffer-flush.max-rows' = '2000',
  'sink.buffer-flush.interval' = '1 s',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `gold_revenue_daily_topic` (`shop_date`, `currency`, `orders`, `buyers`, `revenue`, `tax`, `shipping`, `refund_count`, `refunds`, `net_revenue`)
SELECT `shop_date`, `currency`, `orders`, `buyers`, `revenue`, `tax`, `shipping`, `refund_count`, `refunds`, `net_revenue` FROM `gold_revenue_daily`;
