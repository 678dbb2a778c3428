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
  CASE WHEN `device` = 'bot' THEN 'device' WHEN REGEXP(`user_agent`, '(?i)' || 'bots?([^a-z]|$)|crawl|spider|slurp|scrap|heritrix|archive|fetch|httrack|teoma|coccoc|[ -]agent\b|scan\b|survey|^mozilla/\d\.0 \(compatible; ?[^mku; ]' || '|' || 'https?://|\bwww\.|@[a-z0-9-]+\.[a-z]' || '|' || 'headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|prerender|lighthouse|pagespeed|speed insights|gtmetrix|speedcurve|dareboost|ptst/|catchpoint|splash' || '|' || 'pingdom|uptime|statuscake|site24x7|monitor|newrelic|appinsights|datadog|zabbix|nagios|check|validator|inspect|audit|analy[sz]er|outbrain|brandverity|cloudflare|siteimprove|google-|googleother|mediapartners|preview|physicalweb|infegy|feed|facebookexternalhit|zgrab|vulnerability|openvas|favicon|hotjar|silktide|linktiger|securityheaders|readable/|collapsify|hardenize|^wget|^axios') THEN CASE WHEN REGEXP(`user_agent`, '(?i)' || 'bots?([^a-z]|$)|crawl|spider|slurp|scrap|heritrix|archive|fetch|httrack|teoma|coccoc|[ -]agent\b|scan\b|survey|^mozilla/\d\.0 \(compatible; ?[^mku; ]') THEN CASE WHEN NOT (REGEXP(`user_agent`, '(?i)\bcubot|\bxbot[ _]|\bidbot|\bbot \d') AND NOT REGEXP(`user_agent`, '(?i)https?://|crawl|spider|[a-z]bot/')) THEN 'name' END WHEN REGEXP(`user_agent`, '(?i)' || 'https?://|\bwww\.|@[a-z0-9-]+\.[a-z]') THEN 'address' WHEN REGEXP(`user_agent`, '(?i)' || 'headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|prerender|lighthouse|pagespeed|speed insights|gtmetrix|speedcurve|dareboost|ptst/|catchpoint|splash') THEN 'headless' ELSE 'service' END WHEN `source` = 'web' AND `user_agent` NOT LIKE 'Mozilla/%' AND NOT REGEXP(`user_agent`, '(?i)^(mozilla|opera)/|android|midp|mobile|cfnetwork|darwin|dalvik|symb|browser|nintendo|linux|windows|iphone|ios[ ;/]|tizen|web ?os|tv|nokia|samsung|ericsson|blackberry|^lg|^mot|sharp|profile|harmony|\(.*;.*;') THEN 'no browser' END AS `bot_rule`,
  CASE WHEN `device` = 'bot' THEN 'device' WHEN REGEXP(`user_agent`, '(?i)' || 'bots?([^a-z]|$)|crawl|spider|slurp|scrap|heritrix|archive|fetch|httrack|teoma|coccoc|[ -]agent\b|scan\b|survey|^mozilla/\d\.0 \(compatible; ?[^mku; ]' || '|' || 'https?://|\bwww\.|@[a-z0-9-]+\.[a-z]' || '|' || 'headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|prerender|lighthouse|pagespeed|speed insights|gtmetrix|speedcurve|dareboost|ptst/|catchpoint|splash' || '|' || 'pingdom|uptime|statuscake|site24x7|monitor|newrelic|appinsights|datadog|zabbix|nagios|check|validator|inspect|audit|analy[sz]er|outbrain|brandverity|cloudflare|siteimprove|google-|googleother|mediapartners|preview|physicalweb|infegy|feed|facebookexternalhit|zgrab|vulnerability|openvas|favicon|hotjar|silktide|linktiger|securityheaders|readable/|collapsify|hardenize|^wget|^axios') THEN CASE WHEN REGEXP(`user_agent`, '(?i)' || 'bots?([^a-z]|$)|crawl|spider|slurp|scrap|heritrix|archive|fetch|httrack|teoma|coccoc|[ -]agent\b|scan\b|survey|^mozilla/\d\.0 \(compatible; ?[^mku; ]') THEN CASE WHEN NOT (REGEXP(`user_agent`, '(?i)\bcubot|\bxbot[ _]|\bidbot|\bbot \d') AND NOT REGEXP(`user_agent`, '(?i)https?://|crawl|spider|[a-z]bot/')) THEN 'name' END WHEN REGEXP(`user_agent`, '(?i)' || 'https?://|\bwww\.|@[a-z0-9-]+\.[a-z]') THEN 'address' WHEN REGEXP(`user_agent`, '(?i)' || 'headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|prerender|lighthouse|pagespeed|speed insights|gtmetrix|speedcurve|dareboost|ptst/|catchpoint|splash') THEN 'headless' ELSE 'service' END WHEN `source` = 'web' AND `user_agent` NOT LIKE 'Mozilla/%' AND NOT REGEXP(`user_agent`, '(?i)^(mozilla|opera)/|android|midp|mobile|cfnetwork|darwin|dalvik|symb|browser|nintendo|linux|windows|iphone|ios[ ;/]|tizen|web ?os|tv|nokia|samsung|ericsson|blackberry|^lg|^mot|sharp|profile|harmony|\(.*;.*;') THEN 'no browser' END IS NOT NULL AS `is_bot`,
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
  CASE WHEN `event_type` = 'purchase' THEN CAST(COALESCE(`_lines_revenue`, 0) * 0.01 AS DECIMAL(18, 2)) ELSE CAST(0 * 0.01 AS DECIMAL(18, 2)) END AS `revenue`,
  CASE WHEN `event_type` = 'refund' THEN CAST(COALESCE(`refund_minor`, `_lines_revenue`, 0) * 0.01 AS DECIMAL(18, 2)) ELSE CAST(0 * 0.01 AS DECIMAL(18, 2)) END AS `refund_amount`,
  `items`,
  `topic`,
  `partition`,
  `offset`,
  `late_ms`,
  `event_date`
FROM (
  SELECT *, CASE WHEN CARDINALITY(`items`) > 0 THEN CAST(COALESCE(CAST(`items`[1].unit_price_minor AS BIGINT) * `items`[1].quantity - `items`[1].discount_minor, 0)
    + COALESCE(CAST(`items`[2].unit_price_minor AS BIGINT) * `items`[2].quantity - `items`[2].discount_minor, 0)
    + COALESCE(CAST(`items`[3].unit_price_minor AS BIGINT) * `items`[3].quantity - `items`[3].discount_minor, 0)
    + COALESCE(CAST(`items`[4].unit_price_minor AS BIGINT) * `items`[4].quantity - `items`[4].discount_minor, 0)
    + COALESCE(CAST(`items`[5].unit_price_minor AS BIGINT) * `items`[5].quantity - `items`[5].discount_minor, 0)
    + COALESCE(CAST(`items`[6].unit_price_minor AS BIGINT) * `items`[6].quantity - `items`[6].discount_minor, 0)
    + COALESCE(CAST(`items`[7].unit_price_minor AS BIGINT) * `items`[7].quantity - `items`[7].discount_minor, 0)
    + COALESCE(CAST(`items`[8].unit_price_minor AS BIGINT) * `items`[8].quantity - `items`[8].discount_minor, 0)
    + COALESCE(CAST(`items`[9].unit_price_minor AS BIGINT) * `items`[9].quantity - `items`[9].discount_minor, 0)
    + COALESCE(CAST(`items`[10].unit_price_minor AS BIGINT) * `items`[10].quantity - `items`[10].discount_minor, 0)
    + COALESCE(CAST(`items`[11].unit_price_minor AS BIGINT) * `items`[11].quantity - `items`[11].discount_minor, 0)
    + COALESCE(CAST(`items`[12].unit_price_minor AS BIGINT) * `items`[12].quantity - `items`[12].discount_minor, 0)
    + COALESCE(CAST(`items`[13].unit_price_minor AS BIGINT) * `items`[13].quantity - `items`[13].discount_minor, 0)
    + COALESCE(CAST(`items`[14].unit_price_minor AS BIGINT) * `items`[14].quantity - `items`[14].discount_minor, 0)
    + COALESCE(CAST(`items`[15].unit_price_minor AS BIGINT) * `items`[15].quantity - `items`[15].discount_minor, 0)
    + COALESCE(CAST(`items`[16].unit_price_minor AS BIGINT) * `items`[16].quantity - `items`[16].discount_minor, 0)
    + COALESCE(CAST(`items`[17].unit_price_minor AS BIGINT) * `items`[17].quantity - `items`[17].discount_minor, 0)
    + COALESCE(CAST(`items`[18].unit_price_minor AS BIGINT) * `items`[18].quantity - `items`[18].discount_minor, 0)
    + COALESCE(CAST(`items`[19].unit_price_minor AS BIGINT) * `items`[19].quantity - `items`[19].discount_minor, 0)
    + COALESCE(CAST(`items`[20].unit_price_minor AS BIGINT) * `items`[20].quantity - `items`[20].discount_minor, 0)
    + COALESCE(CAST(`items`[21].unit_price_minor AS BIGINT) * `items`[21].quantity - `items`[21].discount_minor, 0)
    + COALESCE(CAST(`items`[22].unit_price_minor AS BIGINT) * `items`[22].quantity - `items`[22].discount_minor, 0)
    + COALESCE(CAST(`items`[23].unit_price_minor AS BIGINT) * `items`[23].quantity - `items`[23].discount_minor, 0)
    + COALESCE(CAST(`items`[24].unit_price_minor AS BIGINT) * `items`[24].quantity - `items`[24].discount_minor, 0)
    + COALESCE(CAST(`items`[25].unit_price_minor AS BIGINT) * `items`[25].quantity - `items`[25].discount_minor, 0)
    + COALESCE(CAST(`items`[26].unit_price_minor AS BIGINT) * `items`[26].quantity - `items`[26].discount_minor, 0)
    + COALESCE(CAST(`items`[27].unit_price_minor AS BIGINT) * `items`[27].quantity - `items`[27].discount_minor, 0)
    + COALESCE(CAST(`items`[28].unit_price_minor AS BIGINT) * `items`[28].quantity - `items`[28].discount_minor, 0)
    + COALESCE(CAST(`items`[29].unit_price_minor AS BIGINT) * `items`[29].quantity - `items`[29].discount_minor, 0)
    + COALESCE(CAST(`items`[30].unit_price_minor AS BIGINT) * `items`[30].quantity - `items`[30].discount_minor, 0)
    + COALESCE(CAST(`items`[31].unit_price_minor AS BIGINT) * `items`[31].quantity - `items`[31].discount_minor, 0)
    + COALESCE(CAST(`items`[32].unit_price_minor AS BIGINT) * `items`[32].quantity - `items`[32].discount_minor, 0)
    + COALESCE(CAST(`items`[33].unit_price_minor AS BIGINT) * `items`[33].quantity - `items`[33].discount_minor, 0)
    + COALESCE(CAST(`items`[34].unit_price_minor AS BIGINT) * `items`[34].quantity - `items`[34].discount_minor, 0)
    + COALESCE(CAST(`items`[35].unit_price_minor AS BIGINT) * `items`[35].quantity - `items`[35].discount_minor, 0)
    + COALESCE(CAST(`items`[36].unit_price_minor AS BIGINT) * `items`[36].quantity - `items`[36].discount_minor, 0)
    + COALESCE(CAST(`items`[37].unit_price_minor AS BIGINT) * `items`[37].quantity - `items`[37].discount_minor, 0)
    + COALESCE(CAST(`items`[38].unit_price_minor AS BIGINT) * `items`[38].quantity - `items`[38].discount_minor, 0)
    + COALESCE(CAST(`items`[39].unit_price_minor AS BIGINT) * `items`[39].quantity - `items`[39].discount_minor, 0)
    + COALESCE(CAST(`items`[40].unit_price_minor AS BIGINT) * `items`[40].quantity - `items`[40].discount_minor, 0)
    + COALESCE(CAST(`items`[41].unit_price_minor AS BIGINT) * `items`[41].quantity - `items`[41].discount_minor, 0)
    + COALESCE(CAST(`items`[42].unit_price_minor AS BIGINT) * `items`[42].quantity - `items`[42].discount_minor, 0)
    + COALESCE(CAST(`items`[43].unit_price_minor AS BIGINT) * `items`[43].quantity - `items`[43].discount_minor, 0)
    + COALESCE(CAST(`items`[44].unit_price_minor AS BIGINT) * `items`[44].quantity - `items`[44].discount_minor, 0)
    + COALESCE(CAST(`items`[45].unit_price_minor AS BIGINT) * `items`[45].quantity - `items`[45].discount_minor, 0)
    + COALESCE(CAST(`items`[46].unit_price_minor AS BIGINT) * `items`[46].quantity - `items`[46].discount_minor, 0)
    + COALESCE(CAST(`items`[47].unit_price_minor AS BIGINT) * `items`[47].quantity - `items`[47].discount_minor, 0)
    + COALESCE(CAST(`items`[48].unit_price_minor AS BIGINT) * `items`[48].quantity - `items`[48].discount_minor, 0)
    + COALESCE(CAST(`items`[49].unit_price_minor AS BIGINT) * `items`[49].quantity - `items`[49].discount_minor, 0)
    + COALESCE(CAST(`items`[50].unit_price_minor AS BIGINT) * `items`[50].quantity - `items`[50].discount_minor, 0)
    + COALESCE(CAST(`items`[51].unit_price_minor AS BIGINT) * `items`[51].quantity - `items`[51].discount_minor, 0)
    + COALESCE(CAST(`items`[52].unit_price_minor AS BIGINT) * `items`[52].quantity - `items`[52].discount_minor, 0)
    + COALESCE(CAST(`items`[53].unit_price_minor AS BIGINT) * `items`[53].quantity - `items`[53].discount_minor, 0)
    + COALESCE(CAST(`items`[54].unit_price_minor AS BIGINT) * `items`[54].quantity - `items`[54].discount_minor, 0)
    + COALESCE(CAST(`items`[55].unit_price_minor AS BIGINT) * `items`[55].quantity - `items`[55].discount_minor, 0)
    + COALESCE(CAST(`items`[56].unit_price_minor AS BIGINT) * `items`[56].quantity - `items`[56].discount_minor, 0)
    + COALESCE(CAST(`items`[57].unit_price_minor AS BIGINT) * `items`[57].quantity - `items`[57].discount_minor, 0)
    + COALESCE(CAST(`items`[58].unit_price_minor AS BIGINT) * `items`[58].quantity - `items`[58].discount_minor, 0)
    + COALESCE(CAST(`items`[59].unit_price_minor AS BIGINT) * `items`[59].quantity - `items`[59].discount_minor, 0)
    + COALESCE(CAST(`items`[60].unit_price_minor AS BIGINT) * `items`[60].quantity - `items`[60].discount_minor, 0)
    + COALESCE(CAST(`items`[61].unit_price_minor AS BIGINT) * `items`[61].quantity - `items`[61].discount_minor, 0)
    + COALESCE(CAST(`items`[62].unit_price_minor AS BIGINT) * `items`[62].quantity - `items`[62].discount_minor, 0)
    + COALESCE(CAST(`items`[63].unit_price_minor AS BIGINT) * `items`[63].quantity - `items`[63].discount_minor, 0)
    + COALESCE(CAST(`items`[64].unit_price_minor AS BIGINT) * `items`[64].quantity - `items`[64].discount_minor, 0)
    + COALESCE(CAST(`items`[65].unit_price_minor AS BIGINT) * `items`[65].quantity - `items`[65].discount_minor, 0)
    + COALESCE(CAST(`items`[66].unit_price_minor AS BIGINT) * `items`[66].quantity - `items`[66].discount_minor, 0)
    + COALESCE(CAST(`items`[67].unit_price_minor AS BIGINT) * `items`[67].quantity - `items`[67].discount_minor, 0)
    + COALESCE(CAST(`items`[68].unit_price_minor AS BIGINT) * `items`[68].quantity - `items`[68].discount_minor, 0)
    + COALESCE(CAST(`items`[69].unit_price_minor AS BIGINT) * `items`[69].quantity - `items`[69].discount_minor, 0)
    + COALESCE(CAST(`items`[70].unit_price_minor AS BIGINT) * `items`[70].quantity - `items`[70].discount_minor, 0)
    + COALESCE(CAST(`items`[71].unit_price_minor AS BIGINT) * `items`[71].quantity - `items`[71].discount_minor, 0)
    + COALESCE(CAST(`items`[72].unit_price_minor AS BIGINT) * `items`[72].quantity - `items`[72].discount_minor, 0)
    + COALESCE(CAST(`items`[73].unit_price_minor AS BIGINT) * `items`[73].quantity - `items`[73].discount_minor, 0)
    + COALESCE(CAST(`items`[74].unit_price_minor AS BIGINT) * `items`[74].quantity - `items`[74].discount_minor, 0)
    + COALESCE(CAST(`items`[75].unit_price_minor AS BIGINT) * `items`[75].quantity - `items`[75].discount_minor, 0)
    + COALESCE(CAST(`items`[76].unit_price_minor AS BIGINT) * `items`[76].quantity - `items`[76].discount_minor, 0)
    + COALESCE(CAST(`items`[77].unit_price_minor AS BIGINT) * `items`[77].quantity - `items`[77].discount_minor, 0)
    + COALESCE(CAST(`items`[78].unit_price_minor AS BIGINT) * `items`[78].quantity - `items`[78].discount_minor, 0)
    + COALESCE(CAST(`items`[79].unit_price_minor AS BIGINT) * `items`[79].quantity - `items`[79].discount_minor, 0)
    + COALESCE(CAST(`items`[80].unit_price_minor AS BIGINT) * `items`[80].quantity - `items`[80].discount_minor, 0)
    + COALESCE(CAST(`items`[81].unit_price_minor AS BIGINT) * `items`[81].quantity - `items`[81].discount_minor, 0)
    + COALESCE(CAST(`items`[82].unit_price_minor AS BIGINT) * `items`[82].quantity - `items`[82].discount_minor, 0)
    + COALESCE(CAST(`items`[83].unit_price_minor AS BIGINT) * `items`[83].quantity - `items`[83].discount_minor, 0)
    + COALESCE(CAST(`items`[84].unit_price_minor AS BIGINT) * `items`[84].quantity - `items`[84].discount_minor, 0)
    + COALESCE(CAST(`items`[85].unit_price_minor AS BIGINT) * `items`[85].quantity - `items`[85].discount_minor, 0)
    + COALESCE(CAST(`items`[86].unit_price_minor AS BIGINT) * `items`[86].quantity - `items`[86].discount_minor, 0)
    + COALESCE(CAST(`items`[87].unit_price_minor AS BIGINT) * `items`[87].quantity - `items`[87].discount_minor, 0)
    + COALESCE(CAST(`items`[88].unit_price_minor AS BIGINT) * `items`[88].quantity - `items`[88].discount_minor, 0)
    + COALESCE(CAST(`items`[89].unit_price_minor AS BIGINT) * `items`[89].quantity - `items`[89].discount_minor, 0)
    + COALESCE(CAST(`items`[90].unit_price_minor AS BIGINT) * `items`[90].quantity - `items`[90].discount_minor, 0)
    + COALESCE(CAST(`items`[91].unit_price_minor AS BIGINT) * `items`[91].quantity - `items`[91].discount_minor, 0)
    + COALESCE(CAST(`items`[92].unit_price_minor AS BIGINT) * `items`[92].quantity - `items`[92].discount_minor, 0)
    + COALESCE(CAST(`items`[93].unit_price_minor AS BIGINT) * `items`[93].quantity - `items`[93].discount_minor, 0)
    + COALESCE(CAST(`items`[94].unit_price_minor AS BIGINT) * `items`[94].quantity - `items`[94].discount_minor, 0)
    + COALESCE(CAST(`items`[95].unit_price_minor AS BIGINT) * `items`[95].quantity - `items`[95].discount_minor, 0)
    + COALESCE(CAST(`items`[96].unit_price_minor AS BIGINT) * `items`[96].quantity - `items`[96].discount_minor, 0)
    + COALESCE(CAST(`items`[97].unit_price_minor AS BIGINT) * `items`[97].quantity - `items`[97].discount_minor, 0)
    + COALESCE(CAST(`items`[98].unit_price_minor AS BIGINT) * `items`[98].quantity - `items`[98].discount_minor, 0)
    + COALESCE(CAST(`items`[99].unit_price_minor AS BIGINT) * `items`[99].quantity - `items`[99].discount_minor, 0)
    + COALESCE(CAST(`items`[100].unit_price_minor AS BIGINT) * `items`[100].quantity - `items`[100].discount_minor, 0)
    + COALESCE(CAST(`items`[101].unit_price_minor AS BIGINT) * `items`[101].quantity - `items`[101].discount_minor, 0)
    + COALESCE(CAST(`items`[102].unit_price_minor AS BIGINT) * `items`[102].quantity - `items`[102].discount_minor, 0)
    + COALESCE(CAST(`items`[103].unit_price_minor AS BIGINT) * `items`[103].quantity - `items`[103].discount_minor, 0)
    + COALESCE(CAST(`items`[104].unit_price_minor AS BIGINT) * `items`[104].quantity - `items`[104].discount_minor, 0)
    + COALESCE(CAST(`items`[105].unit_price_minor AS BIGINT) * `items`[105].quantity - `items`[105].discount_minor, 0)
    + COALESCE(CAST(`items`[106].unit_price_minor AS BIGINT) * `items`[106].quantity - `items`[106].discount_minor, 0)
    + COALESCE(CAST(`items`[107].unit_price_minor AS BIGINT) * `items`[107].quantity - `items`[107].discount_minor, 0)
    + COALESCE(CAST(`items`[108].unit_price_minor AS BIGINT) * `items`[108].quantity - `items`[108].discount_minor, 0)
    + COALESCE(CAST(`items`[109].unit_price_minor AS BIGINT) * `items`[109].quantity - `items`[109].discount_minor, 0)
    + COALESCE(CAST(`items`[110].unit_price_minor AS BIGINT) * `items`[110].quantity - `items`[110].discount_minor, 0)
    + COALESCE(CAST(`items`[111].unit_price_minor AS BIGINT) * `items`[111].quantity - `items`[111].discount_minor, 0)
    + COALESCE(CAST(`items`[112].unit_price_minor AS BIGINT) * `items`[112].quantity - `items`[112].discount_minor, 0)
    + COALESCE(CAST(`items`[113].unit_price_minor AS BIGINT) * `items`[113].quantity - `items`[113].discount_minor, 0)
    + COALESCE(CAST(`items`[114].unit_price_minor AS BIGINT) * `items`[114].quantity - `items`[114].discount_minor, 0)
    + COALESCE(CAST(`items`[115].unit_price_minor AS BIGINT) * `items`[115].quantity - `items`[115].discount_minor, 0)
    + COALESCE(CAST(`items`[116].unit_price_minor AS BIGINT) * `items`[116].quantity - `items`[116].discount_minor, 0)
    + COALESCE(CAST(`items`[117].unit_price_minor AS BIGINT) * `items`[117].quantity - `items`[117].discount_minor, 0)
    + COALESCE(CAST(`items`[118].unit_price_minor AS BIGINT) * `items`[118].quantity - `items`[118].discount_minor, 0)
    + COALESCE(CAST(`items`[119].unit_price_minor AS BIGINT) * `items`[119].quantity - `items`[119].discount_minor, 0)
    + COALESCE(CAST(`items`[120].unit_price_minor AS BIGINT) * `items`[120].quantity - `items`[120].discount_minor, 0)
    + COALESCE(CAST(`items`[121].unit_price_minor AS BIGINT) * `items`[121].quantity - `items`[121].discount_minor, 0)
    + COALESCE(CAST(`items`[122].unit_price_minor AS BIGINT) * `items`[122].quantity - `items`[122].discount_minor, 0)
    + COALESCE(CAST(`items`[123].unit_price_minor AS BIGINT) * `items`[123].quantity - `items`[123].discount_minor, 0)
    + COALESCE(CAST(`items`[124].unit_price_minor AS BIGINT) * `items`[124].quantity - `items`[124].discount_minor, 0)
    + COALESCE(CAST(`items`[125].unit_price_minor AS BIGINT) * `items`[125].quantity - `items`[125].discount_minor, 0)
    + COALESCE(CAST(`items`[126].unit_price_minor AS BIGINT) * `items`[126].quantity - `items`[126].discount_minor, 0)
    + COALESCE(CAST(`items`[127].unit_price_minor AS BIGINT) * `items`[127].quantity - `items`[127].discount_minor, 0)
    + COALESCE(CAST(`items`[128].unit_price_minor AS BIGINT) * `items`[128].quantity - `items`[128].discount_minor, 0)
    + COALESCE(CAST(`items`[129].unit_price_minor AS BIGINT) * `items`[129].quantity - `items`[129].discount_minor, 0)
    + COALESCE(CAST(`items`[130].unit_price_minor AS BIGINT) * `items`[130].quantity - `items`[130].discount_minor, 0)
    + COALESCE(CAST(`items`[131].unit_price_minor AS BIGINT) * `items`[131].quantity - `items`[131].discount_minor, 0)
    + COALESCE(CAST(`items`[132].unit_price_minor AS BIGINT) * `items`[132].quantity - `items`[132].discount_minor, 0)
    + COALESCE(CAST(`items`[133].unit_price_minor AS BIGINT) * `items`[133].quantity - `items`[133].discount_minor, 0)
    + COALESCE(CAST(`items`[134].unit_price_minor AS BIGINT) * `items`[134].quantity - `items`[134].discount_minor, 0)
    + COALESCE(CAST(`items`[135].unit_price_minor AS BIGINT) * `items`[135].quantity - `items`[135].discount_minor, 0)
    + COALESCE(CAST(`items`[136].unit_price_minor AS BIGINT) * `items`[136].quantity - `items`[136].discount_minor, 0)
    + COALESCE(CAST(`items`[137].unit_price_minor AS BIGINT) * `items`[137].quantity - `items`[137].discount_minor, 0)
    + COALESCE(CAST(`items`[138].unit_price_minor AS BIGINT) * `items`[138].quantity - `items`[138].discount_minor, 0)
    + COALESCE(CAST(`items`[139].unit_price_minor AS BIGINT) * `items`[139].quantity - `items`[139].discount_minor, 0)
    + COALESCE(CAST(`items`[140].unit_price_minor AS BIGINT) * `items`[140].quantity - `items`[140].discount_minor, 0)
    + COALESCE(CAST(`items`[141].unit_price_minor AS BIGINT) * `items`[141].quantity - `items`[141].discount_minor, 0)
    + COALESCE(CAST(`items`[142].unit_price_minor AS BIGINT) * `items`[142].quantity - `items`[142].discount_minor, 0)
    + COALESCE(CAST(`items`[143].unit_price_minor AS BIGINT) * `items`[143].quantity - `items`[143].discount_minor, 0)
    + COALESCE(CAST(`items`[144].unit_price_minor AS BIGINT) * `items`[144].quantity - `items`[144].discount_minor, 0)
    + COALESCE(CAST(`items`[145].unit_price_minor AS BIGINT) * `items`[145].quantity - `items`[145].discount_minor, 0)
    + COALESCE(CAST(`items`[146].unit_price_minor AS BIGINT) * `items`[146].quantity - `items`[146].discount_minor, 0)
    + COALESCE(CAST(`items`[147].unit_price_minor AS BIGINT) * `items`[147].quantity - `items`[147].discount_minor, 0)
    + COALESCE(CAST(`items`[148].unit_price_minor AS BIGINT) * `items`[148].quantity - `items`[148].discount_minor, 0)
    + COALESCE(CAST(`items`[149].unit_price_minor AS BIGINT) * `items`[149].quantity - `items`[149].discount_minor, 0)
    + COALESCE(CAST(`items`[150].unit_price_minor AS BIGINT) * `items`[150].quantity - `items`[150].discount_minor, 0)
    + COALESCE(CAST(`items`[151].unit_price_minor AS BIGINT) * `items`[151].quantity - `items`[151].discount_minor, 0)
    + COALESCE(CAST(`items`[152].unit_price_minor AS BIGINT) * `items`[152].quantity - `items`[152].discount_minor, 0)
    + COALESCE(CAST(`items`[153].unit_price_minor AS BIGINT) * `items`[153].quantity - `items`[153].discount_minor, 0)
    + COALESCE(CAST(`items`[154].unit_price_minor AS BIGINT) * `items`[154].quantity - `items`[154].discount_minor, 0)
    + COALESCE(CAST(`items`[155].unit_price_minor AS BIGINT) * `items`[155].quantity - `items`[155].discount_minor, 0)
    + COALESCE(CAST(`items`[156].unit_price_minor AS BIGINT) * `items`[156].quantity - `items`[156].discount_minor, 0)
    + COALESCE(CAST(`items`[157].unit_price_minor AS BIGINT) * `items`[157].quantity - `items`[157].discount_minor, 0)
    + COALESCE(CAST(`items`[158].unit_price_minor AS BIGINT) * `items`[158].quantity - `items`[158].discount_minor, 0)
    + COALESCE(CAST(`items`[159].unit_price_minor AS BIGINT) * `items`[159].quantity - `items`[159].discount_minor, 0)
    + COALESCE(CAST(`items`[160].unit_price_minor AS BIGINT) * `items`[160].quantity - `items`[160].discount_minor, 0)
    + COALESCE(CAST(`items`[161].unit_price_minor AS BIGINT) * `items`[161].quantity - `items`[161].discount_minor, 0)
    + COALESCE(CAST(`items`[162].unit_price_minor AS BIGINT) * `items`[162].quantity - `items`[162].discount_minor, 0)
    + COALESCE(CAST(`items`[163].unit_price_minor AS BIGINT) * `items`[163].quantity - `items`[163].discount_minor, 0)
    + COALESCE(CAST(`items`[164].unit_price_minor AS BIGINT) * `items`[164].quantity - `items`[164].discount_minor, 0)
    + COALESCE(CAST(`items`[165].unit_price_minor AS BIGINT) * `items`[165].quantity - `items`[165].discount_minor, 0)
    + COALESCE(CAST(`items`[166].unit_price_minor AS BIGINT) * `items`[166].quantity - `items`[166].discount_minor, 0)
    + COALESCE(CAST(`items`[167].unit_price_minor AS BIGINT) * `items`[167].quantity - `items`[167].discount_minor, 0)
    + COALESCE(CAST(`items`[168].unit_price_minor AS BIGINT) * `items`[168].quantity - `items`[168].discount_minor, 0)
    + COALESCE(CAST(`items`[169].unit_price_minor AS BIGINT) * `items`[169].quantity - `items`[169].discount_minor, 0)
    + COALESCE(CAST(`items`[170].unit_price_minor AS BIGINT) * `items`[170].quantity - `items`[170].discount_minor, 0)
    + COALESCE(CAST(`items`[171].unit_price_minor AS BIGINT) * `items`[171].quantity - `items`[171].discount_minor, 0)
    + COALESCE(CAST(`items`[172].unit_price_minor AS BIGINT) * `items`[172].quantity - `items`[172].discount_minor, 0)
    + COALESCE(CAST(`items`[173].unit_price_minor AS BIGINT) * `items`[173].quantity - `items`[173].discount_minor, 0)
    + COALESCE(CAST(`items`[174].unit_price_minor AS BIGINT) * `items`[174].quantity - `items`[174].discount_minor, 0)
    + COALESCE(CAST(`items`[175].unit_price_minor AS BIGINT) * `items`[175].quantity - `items`[175].discount_minor, 0)
    + COALESCE(CAST(`items`[176].unit_price_minor AS BIGINT) * `items`[176].quantity - `items`[176].discount_minor, 0)
    + COALESCE(CAST(`items`[177].unit_price_minor AS BIGINT) * `items`[177].quantity - `items`[177].discount_minor, 0)
    + COALESCE(CAST(`items`[178].unit_price_minor AS BIGINT) * `items`[178].quantity - `items`[178].discount_minor, 0)
    + COALESCE(CAST(`items`[179].unit_price_minor AS BIGINT) * `items`[179].quantity - `items`[179].discount_minor, 0)
    + COALESCE(CAST(`items`[180].unit_price_minor AS BIGINT) * `items`[180].quantity - `items`[180].discount_minor, 0)
    + COALESCE(CAST(`items`[181].unit_price_minor AS BIGINT) * `items`[181].quantity - `items`[181].discount_minor, 0)
    + COALESCE(CAST(`items`[182].unit_price_minor AS BIGINT) * `items`[182].quantity - `items`[182].discount_minor, 0)
    + COALESCE(CAST(`items`[183].unit_price_minor AS BIGINT) * `items`[183].quantity - `items`[183].discount_minor, 0)
    + COALESCE(CAST(`items`[184].unit_price_minor AS BIGINT) * `items`[184].quantity - `items`[184].discount_minor, 0)
    + COALESCE(CAST(`items`[185].unit_price_minor AS BIGINT) * `items`[185].quantity - `items`[185].discount_minor, 0)
    + COALESCE(CAST(`items`[186].unit_price_minor AS BIGINT) * `items`[186].quantity - `items`[186].discount_minor, 0)
    + COALESCE(CAST(`items`[187].unit_price_minor AS BIGINT) * `items`[187].quantity - `items`[187].discount_minor, 0)
    + COALESCE(CAST(`items`[188].unit_price_minor AS BIGINT) * `items`[188].quantity - `items`[188].discount_minor, 0)
    + COALESCE(CAST(`items`[189].unit_price_minor AS BIGINT) * `items`[189].quantity - `items`[189].discount_minor, 0)
    + COALESCE(CAST(`items`[190].unit_price_minor AS BIGINT) * `items`[190].quantity - `items`[190].discount_minor, 0)
    + COALESCE(CAST(`items`[191].unit_price_minor AS BIGINT) * `items`[191].quantity - `items`[191].discount_minor, 0)
    + COALESCE(CAST(`items`[192].unit_price_minor AS BIGINT) * `items`[192].quantity - `items`[192].discount_minor, 0)
    + COALESCE(CAST(`items`[193].unit_price_minor AS BIGINT) * `items`[193].quantity - `items`[193].discount_minor, 0)
    + COALESCE(CAST(`items`[194].unit_price_minor AS BIGINT) * `items`[194].quantity - `items`[194].discount_minor, 0)
    + COALESCE(CAST(`items`[195].unit_price_minor AS BIGINT) * `items`[195].quantity - `items`[195].discount_minor, 0)
    + COALESCE(CAST(`items`[196].unit_price_minor AS BIGINT) * `items`[196].quantity - `items`[196].discount_minor, 0)
    + COALESCE(CAST(`items`[197].unit_price_minor AS BIGINT) * `items`[197].quantity - `items`[197].discount_minor, 0)
    + COALESCE(CAST(`items`[198].unit_price_minor AS BIGINT) * `items`[198].quantity - `items`[198].discount_minor, 0)
    + COALESCE(CAST(`items`[199].unit_price_minor AS BIGINT) * `items`[199].quantity - `items`[199].discount_minor, 0)
    + COALESCE(CAST(`items`[200].unit_price_minor AS BIGINT) * `items`[200].quantity - `items`[200].discount_minor, 0) AS BIGINT) END AS `_lines_revenue`
  FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY CASE WHEN `event_type` = 'purchase' THEN 'order ' || `order_id` ELSE `event_id` END ORDER BY PROCTIME()) AS `_n`
  FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY `event_id` ORDER BY PROCTIME()) AS `_n1`
  FROM `bronze_events`
)
  WHERE `_n1` = 1
)
)
WHERE `_n` = 1;

CREATE TABLE `silver_events_topic` (
  `event_id` STRING NOT NULL,
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
  'topic' = 'silver.events',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'key.fields' = 'event_id',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'ccs-silver.events',
  'key.format' = 'avro-confluent',
  'key.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${SCHEMA_REGISTRY_URL}',
  'value.fields-include' = 'ALL'
);

INSERT INTO `silver_events_topic` (`event_id`, `event_type`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `page`, `page_title`, `page_url`, `referrer`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `source`, `bot_rule`, `is_bot`, `currency`, `consent`, `search_term`, `results_count`, `payment_type`, `order_id`, `coupon`, `tax`, `shipping`, `discount`, `revenue`, `refund_amount`, `items`, `topic`, `partition`, `offset`, `late_ms`, `event_date`)
SELECT `event_id`, `event_type`, `event_time`, `anonymous_id`, `customer_id`, `session_id`, `page`, `page_title`, `page_url`, `referrer`, `utm_source`, `utm_medium`, `utm_campaign`, `device`, `geo_city`, `geo_country`, `source`, `bot_rule`, `is_bot`, `currency`, `consent`, `search_term`, `results_count`, `payment_type`, `order_id`, `coupon`, `tax`, `shipping`, `discount`, `revenue`, `refund_amount`, `items`, `topic`, `partition`, `offset`, `late_ms`, `event_date` FROM `silver_events`;
