/*
kind: session
grain: one row per session
key: [session_id]
time: event_time
session: 30 minutes          # a longer pause starts a new session
cap: 24 hours                # a longer run is cut at midnights UTC
lateness: 1 hour
partition: session_date
audits:
  - unique(session_id)
  - "session_end >= session_start"
  - "events > 0"
  - "NOT completed_order OR reached_checkout"
*/
-- Sessions, also called visits. A late event may move a session's start or join two sessions, so rows are
-- provisional until the watermark has passed session_end by the pause and the lateness. The funnel is closed
-- and ordered: a step counts only after the one before it (a: view, b: cart, c: checkout, d: order).
SELECT
  anonymous_id || '@' || CAST(epoch_ms(session_start) AS VARCHAR)   AS session_id,
  anonymous_id,
  session_start,
  max(event_time)                                                   AS session_end,
  CAST(session_start AS DATE)                                       AS session_date,
  shop_day(session_start)                                           AS shop_date,
  min(session_id)                                                   AS client_session_id,
  latest(customer_id, event_time)                                   AS customer_id,
  count(*)                                                          AS events,
  count(*) FILTER (WHERE event_type = 'page_view')                  AS page_views,
  count(*) FILTER (WHERE event_type = 'view_item')                  AS item_views,
  count(*) FILTER (WHERE event_type = 'add_to_cart')                AS cart_adds,
  count(*) FILTER (WHERE event_type = 'begin_checkout')             AS checkouts,
  count(*) FILTER (WHERE event_type = 'purchase')                   AS orders,
  CAST(sum(revenue) AS DECIMAL(18, 2))                             AS revenue,
  max(event_time) FILTER (WHERE event_type = 'add_to_cart')         AS last_cart_at,
  max(event_time) FILTER (WHERE event_type = 'begin_checkout')      AS last_checkout_at,
  latest(utm_source, event_time)                                    AS utm_source,
  latest(utm_medium, event_time)                                    AS utm_medium,
  latest(utm_campaign, event_time)                                  AS utm_campaign,
  min(device)                                                       AS device,
  min(geo_country)                                                  AS geo_country,
  min(geo_city)                                                     AS geo_city,
  epoch_ms(max(event_time)) - epoch_ms(session_start)               AS duration_ms,
  epoch_ms(max(event_time)) - epoch_ms(session_start) >= 10000
    OR count(*) FILTER (WHERE event_type = 'page_view') >= 2
    OR count(*) FILTER (WHERE event_type = 'purchase') > 0          AS is_engaged,
  journey(CASE event_type
    WHEN 'view_item' THEN 'a' WHEN 'add_to_cart' THEN 'b'
    WHEN 'begin_checkout' THEN 'c' WHEN 'purchase' THEN 'd' END, event_time)
                                                                    AS steps,
  steps LIKE '%a%'                                                  AS viewed_item,
  steps LIKE '%a%b%'                                                AS added_to_cart,
  steps LIKE '%a%b%c%'                                              AS reached_checkout,
  steps LIKE '%a%b%c%d%'                                            AS completed_order
FROM session_rows('silver.people', INTERVAL 30 MINUTES, INTERVAL 24 HOURS)
GROUP BY anonymous_id, session_start
