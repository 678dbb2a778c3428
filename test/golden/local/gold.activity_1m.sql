CREATE VIEW gold.activity_1m AS
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
GROUP BY time_bucket(INTERVAL 1 MINUTE, event_time);
