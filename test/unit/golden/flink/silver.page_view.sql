CREATE TEMPORARY VIEW `silver_page_view` AS
SELECT
  `event_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `session_id`,
  `page`,
  `page_title`,
  `page_url`,
  `referrer`,
  `utm_source`,
  `utm_medium`,
  `utm_campaign`,
  `device`,
  `geo_city`,
  `geo_country`,
  `source`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE `event_type` = 'page_view';

CREATE TABLE `silver_page_view_topic` (
  `event_id` STRING,
  `event_time` TIMESTAMP(3),
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
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}silver.page_view',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${TOPIC_PREFIX}ccs-silver.page_view',
  'properties.transaction.timeout.ms' = '900000',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_page_view_topic` (`event_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `page`, `page_title`, `page_url`, `referrer`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `source`, `is_bot`, `late_ms`, `event_date`)
SELECT `event_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `page`, `page_title`, `page_url`, `referrer`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `source`, `is_bot`, `late_ms`, `event_date` FROM `silver_page_view`;
