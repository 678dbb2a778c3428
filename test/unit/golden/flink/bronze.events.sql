SET 'table.local-time-zone' = 'UTC';

SET 'table.exec.state.ttl' = '172800000 ms';

SET 'table.exec.source.idle-timeout' = '5 min';

SET 'table.exec.sink.require-on-conflict' = 'false';

SET 'table.exec.sink.upsert-materialize' = 'NONE';

SET 'table.optimizer.reuse-optimize-block-with-digest-enabled' = 'true';

CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS lines_revenue AS 'ccs.v1.LinesRevenue' LANGUAGE JAVA;

CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS lines_units AS 'ccs.v1.LinesUnits' LANGUAGE JAVA;

CREATE TABLE `events_valid` (
  `event_id` STRING NOT NULL,
  `event_type` STRING NOT NULL,
  `event_ts` TIMESTAMP(3) NOT NULL,
  `sent_ts` TIMESTAMP(3),
  `received_ts` TIMESTAMP(3),
  `anonymous_id` STRING NOT NULL,
  `customer_id` STRING,
  `session_id` STRING,
  `page` STRING,
  `page_title` STRING,
  `page_url` STRING,
  `referrer` STRING,
  `utm_source` STRING,
  `utm_medium` STRING,
  `utm_campaign` STRING,
  `device` STRING NOT NULL,
  `user_agent` STRING,
  `bot_hint` STRING,
  `geo_city` STRING,
  `geo_country` STRING,
  `source` STRING NOT NULL,
  `currency` STRING,
  `consent` BOOLEAN,
  `search_term` STRING,
  `results_count` INT,
  `payment_type` STRING,
  `order_id` STRING,
  `coupon` STRING,
  `tax_minor` BIGINT,
  `shipping_minor` BIGINT,
  `discount_minor` BIGINT,
  `refund_minor` BIGINT,
  `items` ARRAY<ROW<`sku` STRING NOT NULL, `name` STRING, `category` STRING, `brand` STRING, `unit_price_minor` BIGINT NOT NULL, `quantity` INT NOT NULL, `discount_minor` BIGINT NOT NULL> NOT NULL> NOT NULL,
  `topic` STRING METADATA FROM 'topic' VIRTUAL,
  `partition` INT METADATA FROM 'partition' VIRTUAL,
  `offset` BIGINT METADATA FROM 'offset' VIRTUAL,
  `ingest_time` TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL,
  `event_time` AS CASE WHEN `sent_ts` IS NOT NULL AND `received_ts` IS NOT NULL THEN CAST(TO_TIMESTAMP_LTZ(COALESCE(LEAST((EXTRACT(EPOCH FROM `received_ts`) * 1000 + EXTRACT(MILLISECOND FROM `received_ts`)) - ((EXTRACT(EPOCH FROM `sent_ts`) * 1000 + EXTRACT(MILLISECOND FROM `sent_ts`)) - (EXTRACT(EPOCH FROM `event_ts`) * 1000 + EXTRACT(MILLISECOND FROM `event_ts`))), (EXTRACT(EPOCH FROM `received_ts`) * 1000 + EXTRACT(MILLISECOND FROM `received_ts`))), (EXTRACT(EPOCH FROM `received_ts`) * 1000 + EXTRACT(MILLISECOND FROM `received_ts`)) - ((EXTRACT(EPOCH FROM `sent_ts`) * 1000 + EXTRACT(MILLISECOND FROM `sent_ts`)) - (EXTRACT(EPOCH FROM `event_ts`) * 1000 + EXTRACT(MILLISECOND FROM `event_ts`))), (EXTRACT(EPOCH FROM `received_ts`) * 1000 + EXTRACT(MILLISECOND FROM `received_ts`))), 3) AS TIMESTAMP(3)) WHEN `received_ts` IS NOT NULL AND `event_ts` > `received_ts` THEN `received_ts` ELSE `event_ts` END,
  WATERMARK FOR `event_time` AS LEAST(`event_time`, `ingest_time`) - INTERVAL '0 01:30:05.000' DAY TO SECOND(3)
) WITH (
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}events.valid',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'properties.group.id' = '${TOPIC_PREFIX}ccs-flink',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.avro-confluent.schema' = '{"type":"record","name":"Event","namespace":"ccs","fields":[{"name":"event_id","type":{"type":"string","logicalType":"uuid"}},{"name":"event_type","type":{"type":"enum","name":"EventType","symbols":["page_view","view_item","search","add_to_cart","remove_from_cart","begin_checkout","add_payment_info","purchase","refund","sign_up","login","identify"]}},{"name":"event_ts","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"sent_ts","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null},{"name":"received_ts","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null},{"name":"anonymous_id","type":"string"},{"name":"customer_id","type":["null","string"],"default":null},{"name":"session_id","type":["null","string"],"default":null},{"name":"page","type":["null","string"],"default":null},{"name":"page_title","type":["null","string"],"default":null},{"name":"page_url","type":["null","string"],"default":null},{"name":"referrer","type":["null","string"],"default":null},{"name":"utm_source","type":["null","string"],"default":null},{"name":"utm_medium","type":["null","string"],"default":null},{"name":"utm_campaign","type":["null","string"],"default":null},{"name":"device","type":{"type":"enum","name":"Device","symbols":["desktop","mobile","tablet","bot"]}},{"name":"user_agent","type":["null","string"],"default":null},{"name":"bot_hint","type":["null","string"],"default":null},{"name":"geo_city","type":["null","string"],"default":null},{"name":"geo_country","type":["null","string"],"default":null},{"name":"source","type":{"type":"enum","name":"Source","symbols":["web","app","server","import"]}},{"name":"currency","type":["null","string"],"default":null},{"name":"consent","type":["null","boolean"],"default":null},{"name":"search_term","type":["null","string"],"default":null},{"name":"results_count","type":["null","int"],"default":null},{"name":"payment_type","type":["null","string"],"default":null},{"name":"order_id","type":["null","string"],"default":null},{"name":"coupon","type":["null","string"],"default":null},{"name":"tax_minor","type":["null","long"],"default":null},{"name":"shipping_minor","type":["null","long"],"default":null},{"name":"discount_minor","type":["null","long"],"default":null},{"name":"refund_minor","type":["null","long"],"default":null},{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"sku","type":"string"},{"name":"name","type":["null","string"],"default":null},{"name":"category","type":["null","string"],"default":null},{"name":"brand","type":["null","string"],"default":null},{"name":"unit_price_minor","type":"long"},{"name":"quantity","type":"int"},{"name":"discount_minor","type":"long","default":0}]}},"default":[]}]}'
);

CREATE TEMPORARY VIEW `bronze_events` AS
SELECT
  `event_id`,
  `event_type`,
  `event_ts`,
  `sent_ts`,
  `received_ts`,
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
  `user_agent`,
  `bot_hint`,
  `geo_city`,
  `geo_country`,
  `source`,
  `currency`,
  `consent`,
  `search_term`,
  `results_count`,
  `payment_type`,
  `order_id`,
  `coupon`,
  `tax_minor`,
  `shipping_minor`,
  `discount_minor`,
  `refund_minor`,
  `items`,
  `topic`,
  `partition`,
  `offset`,
  `ingest_time`,
  GREATEST(LEAST(`_newest_ms`, `_appended_ms`) - 5000 - `_ms`, CAST(0 AS BIGINT)) AS `late_ms`,
  CAST(CASE WHEN `sent_ts` IS NOT NULL AND `received_ts` IS NOT NULL THEN CAST(TO_TIMESTAMP_LTZ(COALESCE(LEAST((EXTRACT(EPOCH FROM `received_ts`) * 1000 + EXTRACT(MILLISECOND FROM `received_ts`)) - ((EXTRACT(EPOCH FROM `sent_ts`) * 1000 + EXTRACT(MILLISECOND FROM `sent_ts`)) - (EXTRACT(EPOCH FROM `event_ts`) * 1000 + EXTRACT(MILLISECOND FROM `event_ts`))), (EXTRACT(EPOCH FROM `received_ts`) * 1000 + EXTRACT(MILLISECOND FROM `received_ts`))), (EXTRACT(EPOCH FROM `received_ts`) * 1000 + EXTRACT(MILLISECOND FROM `received_ts`)) - ((EXTRACT(EPOCH FROM `sent_ts`) * 1000 + EXTRACT(MILLISECOND FROM `sent_ts`)) - (EXTRACT(EPOCH FROM `event_ts`) * 1000 + EXTRACT(MILLISECOND FROM `event_ts`))), (EXTRACT(EPOCH FROM `received_ts`) * 1000 + EXTRACT(MILLISECOND FROM `received_ts`))), 3) AS TIMESTAMP(3)) WHEN `received_ts` IS NOT NULL AND `event_ts` > `received_ts` THEN `received_ts` ELSE `event_ts` END AS DATE) AS `event_date`,
  `event_time`
FROM (
  SELECT *, MAX(LEAST(`_ms`, `_appended_ms`)) OVER (
    PARTITION BY `partition` ORDER BY `_arrival` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS `_newest_ms`
  FROM (
    SELECT *, PROCTIME() AS `_arrival`,
    (EXTRACT(EPOCH FROM `event_time`) * 1000 + EXTRACT(MILLISECOND FROM `event_time`)) AS `_ms`,
    (EXTRACT(EPOCH FROM `ingest_time`) * 1000 + EXTRACT(MILLISECOND FROM `ingest_time`)) AS `_appended_ms`
    FROM `events_valid`
  )
);

CREATE TABLE `bronze_events_topic` (
  `event_id` STRING,
  `event_type` STRING,
  `event_ts` TIMESTAMP(3),
  `sent_ts` TIMESTAMP(3),
  `received_ts` TIMESTAMP(3),
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
  `user_agent` STRING,
  `bot_hint` STRING,
  `geo_city` STRING,
  `geo_country` STRING,
  `source` STRING,
  `currency` STRING,
  `consent` BOOLEAN,
  `search_term` STRING,
  `results_count` INT,
  `payment_type` STRING,
  `order_id` STRING,
  `coupon` STRING,
  `tax_minor` BIGINT,
  `shipping_minor` BIGINT,
  `discount_minor` BIGINT,
  `refund_minor` BIGINT,
  `items` ARRAY<ROW<`sku` STRING, `name` STRING, `category` STRING, `brand` STRING, `unit_price_minor` BIGINT, `quantity` INT, `discount_minor` BIGINT>>,
  `topic` STRING,
  `partition` INT,
  `offset` BIGINT,
  `ingest_time` TIMESTAMP(3),
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}bronze.events',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'topic;partition;offset',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${TOPIC_PREFIX}ccs-bronze.events',
  'properties.transaction.timeout.ms' = '900000',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `bronze_events_topic` (`event_id`, `event_type`, `event_ts`, `sent_ts`, `received_ts`, `anonymous_id`, `customer_id`, `session_id`, `page`, `page_title`, `page_url`, `referrer`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `user_agent`, `bot_hint`, `geo_city`, `geo_country`, `source`, `currency`, `consent`, `search_term`, `results_count`, `payment_type`, `order_id`, `coupon`, `tax_minor`, `shipping_minor`, `discount_minor`, `refund_minor`, `items`, `topic`, `partition`, `offset`, `ingest_time`, `late_ms`, `event_date`)
SELECT `event_id`, `event_type`, `event_ts`, `sent_ts`, `received_ts`, `anonymous_id`, `customer_id`, `session_id`, `page`, `page_title`, `page_url`, `referrer`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `user_agent`, `bot_hint`, `geo_city`, `geo_country`, `source`, `currency`, `consent`, `search_term`, `results_count`, `payment_type`, `order_id`, `coupon`, `tax_minor`, `shipping_minor`, `discount_minor`, `refund_minor`, `items`, `topic`, `partition`, `offset`, `ingest_time`, `late_ms`, `event_date` FROM `bronze_events`;
