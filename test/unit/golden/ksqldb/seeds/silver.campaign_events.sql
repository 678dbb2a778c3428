SET 'auto.offset.reset' = 'earliest';

CREATE TABLE `seeds_campaigns` (
  `utm_campaign` STRING PRIMARY KEY,
  `channel` STRING,
  `budget` DECIMAL(18, 2),
  `clicks` INT,
  `big` BIGINT,
  `rate` DOUBLE,
  `started` DATE,
  `launched` TIMESTAMP,
  `active` BOOLEAN
) WITH (
  KAFKA_TOPIC = 'seeds.campaigns',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'AVRO'
);

CREATE STREAM `silver_campaign_events` WITH (
  KAFKA_TOPIC = 'silver.campaign_events',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  RETENTION_MS = ${CCS_RETENTION_MS},
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `l`.`_key` AS `_key`,
  `l`.`event_id` AS `event_id`,
  `l`.`event_time` AS `event_time`,
  `l`.`event_date` AS `event_date`,
  `l`.`event_type` AS `event_type`,
  `l`.`utm_campaign` AS `utm_campaign`,
  `s`.`utm_campaign` AS `known_campaign`,
  COALESCE(`s`.`channel`, `l`.`utm_source`) AS `channel`,
  `s`.`budget` AS `budget`,
  `s`.`clicks` AS `clicks`,
  `s`.`big` AS `big`,
  `s`.`rate` AS `rate`,
  `s`.`started` AS `started`,
  `s`.`launched` AS `launched`,
  `s`.`active` AS `active`,
  `s`.`budget` * 2 AS `twice`
FROM `silver_events` `l`
LEFT JOIN `seeds_campaigns` `s` ON COALESCE(`l`.`utm_campaign`, '␀') = `s`.`utm_campaign`
WHERE `l`.`event_type` <> 'search'
PARTITION BY `l`.`_key`
EMIT CHANGES;
