SET 'auto.offset.reset' = 'earliest';

CREATE STREAM `silver_people` WITH (
  KAFKA_TOPIC = 'silver.people',
  KEY_FORMAT = 'AVRO',
  VALUE_FORMAT = 'AVRO',
  RETENTION_MS = ${CCS_RETENTION_MS},
  PARTITIONS = ${CCS_PARTITIONS}
) AS
SELECT
  `_key`,
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
  `bot_rule`,
  `is_bot`,
  `currency`,
  `consent`,
  `search_term`,
  `results_count`,
  `payment_type`,
  `order_id`,
  `coupon`,
  `tax`,
  `shipping`,
  `discount`,
  `revenue`,
  `refund_amount`,
  `items`,
  `topic`,
  `partition`,
  `offset`,
  `late_ms`,
  `event_date`
FROM `silver_events`
WHERE NOT COALESCE(`is_bot`, TRUE)
EMIT CHANGES;
