/*
kind: window
grain: one row per hour and page
key: [window_start, page]
time: event_time
window: 1 hour
lateness: 1 hour
audits: ["unique(window_start, page)", "views > 0"]
*/
-- Page views by page and hour. Hours are whole hours, UTC.
SELECT
  time_bucket(INTERVAL 1 HOUR, event_time)                          AS window_start,
  page,
  count(*)                                                          AS views
FROM silver.page_view
WHERE NOT is_bot
GROUP BY time_bucket(INTERVAL 1 HOUR, event_time), page
