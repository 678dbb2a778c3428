-- Macros for what plain SQL can't express. Once they are loaded, each model file runs as it is; every engine's
-- dialect knows their names. ccs sets the variables: shop_timezone from ccs.yml, now_ms from its clock.

-- The calendar day in the shop's timezone, daylight saving included.
CREATE MACRO shop_day(t) AS
  CAST(timezone(getvariable('shop_timezone'), timezone('UTC', t)) AS DATE);

-- An amount in hundredths of the currency as exact money.
CREATE MACRO money(minor) AS CAST(minor * 0.01 AS DECIMAL(18, 2));

-- The value of order lines in hundredths, after their discounts, without tax and shipping.
CREATE MACRO lines_revenue(items) AS
  CAST(list_sum(list_transform(items,
    lambda i: i.unit_price_minor * i.quantity - i.discount_minor)) AS BIGINT);

-- Words in the user agents of bots, as patterns without regard to case; bot_rule says what each list is for.
CREATE MACRO words_of_bots() AS
  'bots?([^a-z]|$)|crawl|spider|slurp|scrap|heritrix|archive|fetch|httrack|teoma|coccoc|[ -]agent\b|scan\b|survey|^mozilla/\d\.0 \(compatible; ?[^mku; ]';

CREATE MACRO words_of_addresses() AS
  'https?://|\bwww\.|@[a-z0-9-]+\.[a-z]';

CREATE MACRO words_of_headless() AS
  'headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress|prerender|lighthouse|pagespeed|speed insights|gtmetrix|speedcurve|dareboost|ptst/|catchpoint|splash';

CREATE MACRO words_of_services() AS
  'pingdom|uptime|statuscake|site24x7|monitor|newrelic|appinsights|datadog|zabbix|nagios|check|validator|inspect|audit|analy[sz]er|outbrain|brandverity|cloudflare|siteimprove|google-|googleother|mediapartners|preview|physicalweb|infegy|feed|facebookexternalhit|zgrab|vulnerability|openvas|favicon|hotjar|silktide|linktiger|securityheaders|readable/|collapsify|hardenize|^wget|^axios';

-- Phones that have 'bot' in their name: Cubot, XBot, iDbot, and models such as 'M bot 60'.
CREATE MACRO is_bot_named_phone(user_agent) AS
  regexp_matches(user_agent, '(?i)\bcubot|\bxbot[ _]|\bidbot|\bbot \d')
  AND NOT regexp_matches(user_agent, '(?i)https?://|crawl|spider|[a-z]bot/');

-- Why an event counts as a bot's by what it says of itself, or NULL. What only the collector sees of a sender is
-- in bot_hint, which Silver uses where this is NULL. Most people match none of the words, and nothing more is
-- tested. test/unit/models/bot-rule.test.ts compares the rules with public lists; change them here.
--   device      the sender says so
--   name        calls itself a bot, crawler, spider, scanner or agent; or 'compatible', as no browser of today
--   address     names a web or mail address to complain to
--   headless    a browser that a program steers
--   service     looks at pages for a service: previews, feeds, monitors, validators
--   no browser  a web event of something that is neither a browser nor a device, such as an HTTP library
CREATE MACRO bot_rule(device, source, user_agent) AS CASE
  WHEN device = 'bot' THEN 'device'
  WHEN regexp_matches(user_agent, '(?i)' || words_of_bots() || '|' || words_of_addresses() || '|'
      || words_of_headless() || '|' || words_of_services())
    THEN CASE
      WHEN regexp_matches(user_agent, '(?i)' || words_of_bots())
        THEN CASE WHEN NOT is_bot_named_phone(user_agent) THEN 'name' END
      WHEN regexp_matches(user_agent, '(?i)' || words_of_addresses()) THEN 'address'
      WHEN regexp_matches(user_agent, '(?i)' || words_of_headless()) THEN 'headless'
      ELSE 'service'
    END
  WHEN source = 'web' AND user_agent NOT LIKE 'Mozilla/%'
      AND NOT regexp_matches(user_agent, '(?i)^(mozilla|opera)/|android|midp|mobile|cfnetwork|darwin|dalvik|symb|browser|nintendo|linux|windows|iphone|ios[ ;/]|tizen|web ?os|tv|nokia|samsung|ericsson|blackberry|^lg|^mot|sharp|profile|harmony|\(.*;.*;')
    THEN 'no browser'
END;

-- The number of pieces in order lines.
CREATE MACRO lines_units(items) AS
  CAST(list_sum(list_transform(items, lambda i: i.quantity)) AS BIGINT);

-- Inside an aggregation: the last value of v by time t; of equal times, the greater value. It works because
-- a millisecond timestamp has 13 digits from 2001 to 2286, and the schema allows no other.
CREATE MACRO latest(v, t) AS
  substr(max(CASE WHEN v IS NOT NULL THEN CAST(epoch_ms(t) AS VARCHAR) || v END), 14);

-- Inside an aggregation: the given steps in order of time, as text such as '1700000000000a 1700000000500b'.
-- A step is one letter; letters break ties. NULL steps are omitted. LIKE '%a%b%' tests for an order.
CREATE MACRO journey(step, t) AS
  coalesce(array_to_string(list_sort(
    list(CAST(epoch_ms(t) AS VARCHAR) || step) FILTER (WHERE step IS NOT NULL)), ' '), '');

-- The current time, as ccs sets it.
CREATE MACRO right_now() AS make_timestamp_ms(getvariable('now_ms'));

-- Rows of a relation with the start of their session. A session is a run of one visitor's events without a
-- pause longer than `pause` (a pause of exactly that length does not split it). A run longer than `cap` is
-- cut at each midnight UTC, so that the order of arrival can't change where it is cut.
CREATE MACRO session_rows(relation, pause, cap) AS TABLE
  WITH marked AS (
    SELECT *, CASE WHEN event_time - lag(event_time) OVER visitor > pause THEN 1 ELSE 0 END AS _starts
    FROM query_table(relation)
    WINDOW visitor AS (PARTITION BY anonymous_id ORDER BY event_time)
  ), numbered AS (
    SELECT *, sum(_starts) OVER (PARTITION BY anonymous_id ORDER BY event_time
                                 RANGE UNBOUNDED PRECEDING) AS _run
    FROM marked
  ), measured AS (
    SELECT *, max(event_time) OVER run - min(event_time) OVER run > cap AS _is_long
    FROM numbered
    WINDOW run AS (PARTITION BY anonymous_id, _run)
  )
  SELECT * EXCLUDE (_starts, _run, _is_long),
    min(event_time) OVER (
      PARTITION BY anonymous_id, _run, CASE WHEN _is_long THEN CAST(event_time AS DATE) END
    ) AS session_start
  FROM measured;

-- Midnight after a shop day, in UTC; where the clocks go back over it, it occurs twice, and this is the second.
CREATE MACRO last_midnight(day) AS
  timezone('UTC', timezone(getvariable('shop_timezone'), CAST(day + 1 AS TIMESTAMP)));

-- The same midnight by the clock of 24 hours before, which is the first of two.
CREATE MACRO early_midnight(day) AS
  CAST(day + 1 AS TIMESTAMP) - (
    timezone(getvariable('shop_timezone'), timezone('UTC', last_midnight(day) - INTERVAL 1 DAY))
    - (last_midnight(day) - INTERVAL 1 DAY));

-- The instant, in UTC, at which a shop day ends and the next one begins.
CREATE MACRO shop_day_end(day) AS
  least(last_midnight(day),
    CASE WHEN shop_day(early_midnight(day)) > day THEN early_midnight(day) END);
