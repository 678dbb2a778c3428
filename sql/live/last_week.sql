/*
kind: figure
title: The same day last week, up to the same time
every: 1 minute
access: anyone
note: Up to the same time of the shop's clock a week ago; no row if the shop had no sessions then.
*/
-- Cut by the shop's clock, so that a change to or from daylight saving time does not shift the cut.
WITH span AS (
  SELECT
    shop_day(right_now()) - 7                                       AS shop_date,
    shop_day_end(shop_day(right_now()) - 8)                         AS since,
    timezone('UTC', timezone(getvariable('shop_timezone'),
      timezone(getvariable('shop_timezone'), timezone('UTC', right_now())) - INTERVAL 7 DAYS)) AS until
), known AS (
  SELECT currency FROM gold.revenue_daily WHERE shop_date <= shop_day(right_now())
  ORDER BY shop_date DESC, orders DESC, currency LIMIT 1
), bought AS (
  SELECT anonymous_id, event_time, currency, revenue
  FROM silver.orders, span
  WHERE event_time >= since AND event_time < until AND NOT is_bot
    AND event_date BETWEEN shop_day(right_now()) - 9 AND shop_day(right_now()) - 6
), sales AS (
  SELECT count(*) AS orders,
    count(*) FILTER (WHERE bought.currency = (SELECT currency FROM known))       AS known_orders,
    coalesce(sum(revenue) FILTER (WHERE bought.currency = (SELECT currency FROM known)), 0) AS revenue
  FROM bought
), returned AS (
  SELECT coalesce(sum(refund_amount), 0) AS refunds
  FROM silver.refunds, span
  WHERE event_time >= since AND event_time < until AND NOT is_bot
    AND event_date BETWEEN shop_day(right_now()) - 9 AND shop_day(right_now()) - 6
    AND currency = (SELECT currency FROM known)
), begun AS (
  SELECT session_id, anonymous_id, session_start, session_end, session_start >= since AS is_of_day
  FROM gold.sessions, span
  WHERE session_start >= since - INTERVAL 1 DAY AND session_start < until
    AND session_date BETWEEN shop_day(right_now()) - 9 AND shop_day(right_now()) - 6
), visits AS (
  SELECT (SELECT count(*) FROM begun WHERE is_of_day)               AS sessions,
    (SELECT count(DISTINCT session_id) FROM begun JOIN bought USING (anonymous_id)
     WHERE is_of_day AND event_time BETWEEN session_start AND session_end) AS converted_sessions
), moment AS (
  SELECT anonymous_id, event_type, event_time
  FROM silver.people, span
  WHERE event_time > until - INTERVAL 10 MINUTES AND event_time <= until
    AND event_date BETWEEN shop_day(right_now()) - 8 AND shop_day(right_now()) - 6
), active AS (
  SELECT
    count(DISTINCT anonymous_id) FILTER (WHERE event_time >= until - INTERVAL 5 MINUTES) AS visitors_5m,
    (SELECT count(DISTINCT session_id)
     FROM moment JOIN begun USING (anonymous_id)
     WHERE event_type = 'add_to_cart' AND event_time BETWEEN session_start AND session_end
       AND NOT EXISTS (FROM bought WHERE bought.anonymous_id = begun.anonymous_id
         AND bought.event_time BETWEEN session_start AND session_end)) AS active_carts_10m
  FROM moment, span
)
SELECT
  span.shop_date,
  (SELECT currency FROM known)                                      AS currency,
  orders,
  CAST(revenue AS DECIMAL(18, 2))                                   AS revenue,
  CAST(refunds AS DECIMAL(18, 2))                                   AS refunds,
  CAST(revenue - refunds AS DECIMAL(18, 2))                         AS net_revenue,
  sessions,
  converted_sessions,
  converted_sessions / nullif(sessions, 0)                          AS conversion_rate,
  CAST(revenue / nullif(known_orders, 0) AS DECIMAL(18, 2))         AS aov,
  visitors_5m,
  active_carts_10m
FROM span, sales, returned, visits, active
WHERE sessions > 0
