CREATE VIEW gold.top_pages_1h AS
SELECT
  time_bucket(INTERVAL 1 HOUR, event_time)                          AS window_start,
  page,
  count(*)                                                          AS views
FROM silver.page_view
WHERE NOT is_bot
GROUP BY time_bucket(INTERVAL 1 HOUR, event_time), page;
