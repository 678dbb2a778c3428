-- Of copies that differ in a second key, a job with a parallelism above 1 may keep another.
CREATE TEMPORARY VIEW `silver_events` AS
SELECT
  `event_id`,
  `event_type`,
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
  COALESCE(CASE WHEN `device` = 'bot' THEN 'device' WHEN REGEXP(`user_agent`, '(?i)' || 'bots?([^a-z]|$)|crawl|spider|slurp|scrap|heritrix|archive|fetch|httrack|teoma|coccoc|[ -]agent\b|scan\b|survey|^mozilla/\d\.0 \(compatible; ?[^mku; ]' || '|' || 'https?://|\bwww\.|@[a-z0-9-]+\.[a-z]' || '|' || 'headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|prerender|lighthouse|pagespeed|speed insights|gtmetrix|speedcurve|dareboost|ptst/|catchpoint|splash' || '|' || 'pingdom|uptime|statuscake|site24x7|monitor|newrelic|appinsights|datadog|zabbix|nagios|check|validator|inspect|audit|analy[sz]er|outbrain|brandverity|cloudflare|siteimprove|google-|googleother|mediapartners|preview|physicalweb|infegy|feed|facebookexternalhit|zgrab|vulnerability|openvas|favicon|hotjar|silktide|linktiger|securityheaders|readable/|collapsify|hardenize|^wget|^axios') THEN CASE WHEN REGEXP(`user_agent`, '(?i)' || 'bots?([^a-z]|$)|crawl|spider|slurp|scrap|heritrix|archive|fetch|httrack|teoma|coccoc|[ -]agent\b|scan\b|survey|^mozilla/\d\.0 \(compatible; ?[^mku; ]') THEN CASE WHEN NOT (REGEXP(`user_agent`, '(?i)\bcubot|\bxbot[ _]|\bidbot|\bbot \d') AND NOT REGEXP(`user_agent`, '(?i)https?://|crawl|spider|[a-z]bot/')) THEN 'name' END WHEN REGEXP(`user_agent`, '(?i)' || 'https?://|\bwww\.|@[a-z0-9-]+\.[a-z]') THEN 'address' WHEN REGEXP(`user_agent`, '(?i)' || 'headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|prerender|lighthouse|pagespeed|speed insights|gtmetrix|speedcurve|dareboost|ptst/|catchpoint|splash') THEN 'headless' ELSE 'service' END WHEN `source` = 'web' AND `user_agent` NOT LIKE 'Mozilla/%' AND NOT REGEXP(`user_agent`, '(?i)^(mozilla|opera)/|android|midp|mobile|cfnetwork|darwin|dalvik|symb|browser|nintendo|linux|windows|iphone|ios[ ;/]|tizen|web ?os|tv|nokia|samsung|ericsson|blackberry|^lg|^mot|sharp|profile|harmony|\(.*;.*;') THEN 'no browser' END, `bot_hint`) AS `bot_rule`,
  COALESCE(CASE WHEN `device` = 'bot' THEN 'device' WHEN REGEXP(`user_agent`, '(?i)' || 'bots?([^a-z]|$)|crawl|spider|slurp|scrap|heritrix|archive|fetch|httrack|teoma|coccoc|[ -]agent\b|scan\b|survey|^mozilla/\d\.0 \(compatible; ?[^mku; ]' || '|' || 'https?://|\bwww\.|@[a-z0-9-]+\.[a-z]' || '|' || 'headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|prerender|lighthouse|pagespeed|speed insights|gtmetrix|speedcurve|dareboost|ptst/|catchpoint|splash' || '|' || 'pingdom|uptime|statuscake|site24x7|monitor|newrelic|appinsights|datadog|zabbix|nagios|check|validator|inspect|audit|analy[sz]er|outbrain|brandverity|cloudflare|siteimprove|google-|googleother|mediapartners|preview|physicalweb|infegy|feed|facebookexternalhit|zgrab|vulnerability|openvas|favicon|hotjar|silktide|linktiger|securityheaders|readable/|collapsify|hardenize|^wget|^axios') THEN CASE WHEN REGEXP(`user_agent`, '(?i)' || 'bots?([^a-z]|$)|crawl|spider|slurp|scrap|heritrix|archive|fetch|httrack|teoma|coccoc|[ -]agent\b|scan\b|survey|^mozilla/\d\.0 \(compatible; ?[^mku; ]') THEN CASE WHEN NOT (REGEXP(`user_agent`, '(?i)\bcubot|\bxbot[ _]|\bidbot|\bbot \d') AND NOT REGEXP(`user_agent`, '(?i)https?://|crawl|spider|[a-z]bot/')) THEN 'name' END WHEN REGEXP(`user_agent`, '(?i)' || 'https?://|\bwww\.|@[a-z0-9-]+\.[a-z]') THEN 'address' WHEN REGEXP(`user_agent`, '(?i)' || 'headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|prerender|lighthouse|pagespeed|speed insights|gtmetrix|speedcurve|dareboost|ptst/|catchpoint|splash') THEN 'headless' ELSE 'service' END WHEN `source` = 'web' AND `user_agent` NOT LIKE 'Mozilla/%' AND NOT REGEXP(`user_agent`, '(?i)^(mozilla|opera)/|android|midp|mobile|cfnetwork|darwin|dalvik|symb|browser|nintendo|linux|windows|iphone|ios[ ;/]|tizen|web ?os|tv|nokia|samsung|ericsson|blackberry|^lg|^mot|sharp|profile|harmony|\(.*;.*;') THEN 'no browser' END, `bot_hint`) IS NOT NULL AS `is_bot`,
  `currency`,
  `consent`,
  `search_term`,
  `results_count`,
  `payment_type`,
  `order_id`,
  `coupon`,
  CAST(COALESCE(`tax_minor`, 0) * 0.01 AS DECIMAL(18, 2)) AS `tax`,
  CAST(COALESCE(`shipping_minor`, 0) * 0.01 AS DECIMAL(18, 2)) AS `shipping`,
  CAST(COALESCE(`discount_minor`, 0) * 0.01 AS DECIMAL(18, 2)) AS `discount`,
  CASE WHEN `event_type` = 'purchase' THEN CAST(COALESCE(lines_revenue(`items`), 0) * 0.01 AS DECIMAL(18, 2)) ELSE CAST(0 * 0.01 AS DECIMAL(18, 2)) END AS `revenue`,
  CASE WHEN `event_type` = 'refund' THEN CAST(COALESCE(`refund_minor`, lines_revenue(`items`), 0) * 0.01 AS DECIMAL(18, 2)) ELSE CAST(0 * 0.01 AS DECIMAL(18, 2)) END AS `refund_amount`,
  `items`,
  `topic`,
  `partition`,
  `offset`,
  `late_ms`,
  `event_date`
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY `event_id` ORDER BY `_at`) AS `_n1`
  FROM (
  SELECT *, COUNT(*) OVER (PARTITION BY CASE WHEN `event_type` = 'purchase' THEN 'order ' || `order_id` ELSE `event_id` END ORDER BY `_at` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS `_n2`
  FROM (
  SELECT *, PROCTIME() AS `_at`
  FROM `bronze_events`
)
)
)
WHERE `_n1` = 1
  AND `_n2` = 1;

CREATE TABLE `silver_events_topic` (
  `event_id` STRING,
  `event_type` STRING,
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
  `bot_rule` STRING,
  `is_bot` BOOLEAN,
  `currency` STRING,
  `consent` BOOLEAN,
  `search_term` STRING,
  `results_count` INT,
  `payment_type` STRING,
  `order_id` STRING,
  `coupon` STRING,
  `tax` DECIMAL(18, 2),
  `shipping` DECIMAL(18, 2),
  `discount` DECIMAL(18, 2),
  `revenue` DECIMAL(18, 2),
  `refund_amount` DECIMAL(18, 2),
  `items` ARRAY<ROW<`sku` STRING, `name` STRING, `category` STRING, `brand` STRING, `unit_price_minor` BIGINT, `quantity` INT, `discount_minor` BIGINT>>,
  `topic` STRING,
  `partition` INT,
  `offset` BIGINT,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  'connector' = 'kafka',
  'topic' = '${TOPIC_PREFIX}silver.events',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${TOPIC_PREFIX}ccs-silver.events',
  'properties.transaction.timeout.ms' = '900000',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_events_topic` (`event_id`, `event_type`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `page`, `page_title`, `page_url`, `referrer`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `source`, `bot_rule`, `is_bot`, `currency`, `consent`, `search_term`, `results_count`, `payment_type`, `order_id`, `coupon`, `tax`, `shipping`, `discount`, `revenue`, `refund_amount`, `items`, `topic`, `partition`, `offset`, `late_ms`, `event_date`)
SELECT `event_id`, `event_type`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `page`, `page_title`, `page_url`, `referrer`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `source`, `bot_rule`, `is_bot`, `currency`, `consent`, `search_term`, `results_count`, `payment_type`, `order_id`, `coupon`, `tax`, `shipping`, `discount`, `revenue`, `refund_amount`, `items`, `topic`, `partition`, `offset`, `late_ms`, `event_date` FROM `silver_events`;
