CREATE TEMPORARY VIEW `silver_orders` AS
SELECT
  `event_id`,
  `order_id`,
  `event_time`,
  `anonymous_id`,
  `customer_id`,
  `session_id`,
  CAST(CARDINALITY(`items`) AS BIGINT) AS `lines`,
  COALESCE(`_lines_units`, 0) AS `units`,
  `revenue`,
  `tax`,
  `shipping`,
  `discount`,
  `revenue` + `tax` + `shipping` AS `total`,
  `coupon`,
  `payment_type`,
  `currency`,
  `utm_source`,
  `utm_medium`,
  `utm_campaign`,
  `device`,
  `geo_city`,
  `geo_country`,
  `is_bot`,
  `late_ms`,
  `event_date`
FROM (
  SELECT *, CASE WHEN CARDINALITY(`items`) > 0 THEN CAST(COALESCE(CAST(`items`[1].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[2].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[3].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[4].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[5].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[6].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[7].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[8].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[9].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[10].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[11].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[12].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[13].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[14].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[15].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[16].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[17].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[18].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[19].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[20].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[21].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[22].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[23].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[24].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[25].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[26].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[27].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[28].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[29].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[30].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[31].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[32].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[33].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[34].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[35].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[36].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[37].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[38].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[39].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[40].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[41].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[42].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[43].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[44].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[45].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[46].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[47].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[48].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[49].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[50].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[51].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[52].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[53].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[54].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[55].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[56].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[57].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[58].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[59].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[60].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[61].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[62].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[63].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[64].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[65].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[66].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[67].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[68].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[69].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[70].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[71].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[72].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[73].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[74].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[75].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[76].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[77].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[78].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[79].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[80].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[81].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[82].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[83].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[84].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[85].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[86].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[87].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[88].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[89].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[90].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[91].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[92].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[93].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[94].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[95].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[96].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[97].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[98].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[99].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[100].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[101].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[102].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[103].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[104].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[105].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[106].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[107].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[108].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[109].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[110].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[111].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[112].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[113].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[114].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[115].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[116].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[117].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[118].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[119].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[120].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[121].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[122].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[123].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[124].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[125].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[126].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[127].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[128].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[129].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[130].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[131].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[132].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[133].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[134].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[135].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[136].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[137].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[138].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[139].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[140].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[141].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[142].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[143].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[144].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[145].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[146].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[147].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[148].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[149].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[150].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[151].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[152].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[153].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[154].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[155].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[156].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[157].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[158].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[159].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[160].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[161].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[162].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[163].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[164].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[165].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[166].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[167].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[168].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[169].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[170].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[171].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[172].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[173].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[174].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[175].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[176].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[177].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[178].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[179].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[180].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[181].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[182].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[183].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[184].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[185].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[186].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[187].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[188].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[189].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[190].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[191].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[192].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[193].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[194].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[195].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[196].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[197].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[198].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[199].quantity AS BIGINT), 0)
    + COALESCE(CAST(`items`[200].quantity AS BIGINT), 0) AS BIGINT) END AS `_lines_units`
  FROM `silver_events`
)
WHERE `event_type` = 'purchase';

CREATE TABLE `silver_orders_topic` (
  `event_id` STRING NOT NULL,
  `order_id` STRING,
  `event_time` TIMESTAMP(3),
  `anonymous_id` STRING,
  `customer_id` STRING,
  `session_id` STRING,
  `lines` BIGINT,
  `units` BIGINT,
  `revenue` DECIMAL(18, 2),
  `tax` DECIMAL(18, 2),
  `shipping` DECIMAL(18, 2),
  `discount` DECIMAL(18, 2),
  `total` DECIMAL(18, 2),
  `coupon` STRING,
  `payment_type` STRING,
  `currency` STRING,
  `utm_source` STRING,
  `utm_medium` STRING,
  `utm_campaign` STRING,
  `device` STRING,
  `geo_city` STRING,
  `geo_country` STRING,
  `is_bot` BOOLEAN,
  `late_ms` BIGINT,
  `event_date` DATE
) WITH (
  'connector' = 'kafka',
  'topic' = 'silver.orders',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'ccs-silver.orders',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_orders_topic` (`event_id`, `order_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `lines`, `units`, `revenue`, `tax`, `shipping`, `discount`, `total`, `coupon`, `payment_type`, `currency`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `is_bot`, `late_ms`, `event_date`)
SELECT `event_id`, `order_id`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `lines`, `units`, `revenue`, `tax`, `shipping`, `discount`, `total`, `coupon`, `payment_type`, `currency`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `is_bot`, `late_ms`, `event_date` FROM `silver_orders`;
