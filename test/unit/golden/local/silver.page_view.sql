CREATE VIEW silver.page_view AS
SELECT
  event_id, event_time, anonymous_id, customer_id, session_id,
  page, page_title, page_url, referrer, utm_source, utm_medium, utm_campaign,
  device, geo_city, geo_country, source, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type = 'page_view';
