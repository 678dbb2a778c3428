/*
kind: window
grain: one row per minute with any activity
key: [window_start]
time: event_time
window: 1 minute
lateness: 10 minutes         # later events stay in Silver, are counted, and are in dbt's marts
audits: [not_null(window_start), "events > 0", "visitors <= events", "revenue >= 0"]
*/
-- The shop's activity, minute by minute.
SELECT
  time_bucket(INTERVAL 1 MINUTE, event_time)                        AS window_start,
  count(*)                                                          AS events,
  count(DISTINCT anonymous_id)                                      AS visitors,
  count(*) FILTER (WHERE event_type = 'page_view')                  AS page_views,
  count(*) FILTER (WHERE event_type = 'view_item')                  AS item_views,
  count(*) FILTER (WHERE event_type = 'add_to_cart')                AS cart_adds,
  count(*) FILTER (WHERE event_type = 'begin_checkout')             AS checkouts,
  count(*) FILTER (WHERE event_type = 'purchase')                   AS orders,
  CAST(sum(revenue) AS DECIMAL(18, 2))                             AS revenue
FROM silver.people
GROUP BY time_bucket(INTERVAL 1 MINUTE, event_time)
