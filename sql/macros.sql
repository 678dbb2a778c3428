-- What plain SQL has no word for. Each model file runs as it stands once these are loaded; every engine's
-- dialect knows these names. ccs sets the variables: shop_timezone from ccs.yml, now_ms from its clock.

-- The calendar day in the shop's timezone, daylight saving included.
CREATE MACRO shop_day(t) AS
  CAST(timezone(getvariable('shop_timezone'), timezone('UTC', t)) AS DATE);

-- Hundredths of a currency as exact money.
CREATE MACRO money(minor) AS CAST(minor * 0.01 AS DECIMAL(18, 2));

-- What order lines are worth, in hundredths: after their discounts, without tax and shipping.
CREATE MACRO lines_revenue(items) AS
  CAST(list_sum(list_transform(items,
    lambda i: i.unit_price_minor * i.quantity - i.discount_minor)) AS BIGINT);

-- How many pieces order lines hold.
CREATE MACRO lines_units(items) AS
  CAST(list_sum(list_transform(items, lambda i: i.quantity)) AS BIGINT);

-- Inside an aggregation: the value that v had last, by time t; the greater value where times are equal.
-- Works because a millisecond timestamp has 13 digits from 2001 to 2286, and the contract admits no other.
CREATE MACRO latest(v, t) AS
  substr(max(CASE WHEN v IS NOT NULL THEN CAST(epoch_ms(t) AS VARCHAR) || v END), 14);

-- Inside an aggregation: the given steps in order of time, as text such as '1700000000000a 1700000000500b'.
-- A step is one letter; letters break ties. NULL steps are left out. LIKE '%a%b%' asks for an order.
CREATE MACRO journey(step, t) AS
  coalesce(array_to_string(list_sort(
    list(CAST(epoch_ms(t) AS VARCHAR) || step) FILTER (WHERE step IS NOT NULL)), ' '), '');

-- The clock of "right now".
CREATE MACRO right_now() AS make_timestamp_ms(getvariable('now_ms'));

-- Rows of a relation with the session they belong to. A session is the run of one visitor's events with no
-- pause longer than `pause` (a pause of exactly that does not split it). A run longer than `cap` is cut at
-- each midnight UTC, so that no order of arrival can change where it is cut.
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

-- The instant, UTC, at which a shop's day ends.
CREATE MACRO shop_day_end(day) AS
  timezone('UTC', timezone(getvariable('shop_timezone'), CAST(day + 1 AS TIMESTAMP)));
