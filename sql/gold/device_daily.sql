/*
kind: view
grain: one row per shop day and device
key: [shop_date, device]
audits: ["unique(shop_date, device)", "visitors <= sessions"]
*/
-- Sessions, orders and revenue by device.
SELECT
  shop_date,
  device,
  count(*)                                                          AS sessions,
  count(DISTINCT anonymous_id)                                      AS visitors,
  count(*) FILTER (WHERE is_engaged)                                AS engaged_sessions,
  CAST(sum(orders) AS BIGINT)                                       AS orders,
  CAST(sum(revenue) AS DECIMAL(18, 2))                             AS revenue
FROM gold.sessions
GROUP BY shop_date, device
