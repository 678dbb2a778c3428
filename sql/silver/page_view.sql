/*
kind: stream
grain: one row per page view
key: [event_id]
time: event_time
partition: event_date
audits: [unique(event_id), not_null(page)]
*/
-- Page views.
SELECT
  event_id, event_time, anonymous_id, customer_id, session_id,
  page, page_title, page_url, referrer, utm_source, utm_medium, utm_campaign,
  device, geo_city, geo_country, source, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type = 'page_view'
