/*
kind: view
grain: one row per shop day
key: [shop_date]
audits: [unique(shop_date), "orders <= checkouts", "checkouts <= carts", "carts <= views", "views <= sessions"]
*/
-- How far sessions got, by the shop day on which they began. The funnel is closed and ordered: each step
-- counts only sessions that reached the step before it.
SELECT
  shop_date,
  count(*)                                                          AS sessions,
  count(*) FILTER (WHERE viewed_item)                               AS views,
  count(*) FILTER (WHERE added_to_cart)                             AS carts,
  count(*) FILTER (WHERE reached_checkout)                          AS checkouts,
  count(*) FILTER (WHERE completed_order)                           AS orders,
  count(*) FILTER (WHERE orders > 0)                                AS converted_sessions,
  count(*) FILTER (WHERE is_engaged)                                AS engaged_sessions,
  CAST(count(*) FILTER (WHERE orders > 0) AS DOUBLE) / count(*)     AS conversion_rate
FROM gold.sessions
GROUP BY shop_date
