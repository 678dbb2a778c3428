/*
kind: view
grain: one row per shop day, source, medium and campaign
key: [shop_date, utm_source, utm_medium, utm_campaign]
audits: ["unique(shop_date, utm_source, utm_medium, utm_campaign)", "engaged_sessions <= sessions"]
*/
-- Sessions, orders and revenue by the last campaign of each session; '(direct)' if it had none.
SELECT
  shop_date,
  coalesce(utm_source, '(direct)')                                  AS utm_source,
  coalesce(utm_medium, '(none)')                                    AS utm_medium,
  coalesce(utm_campaign, '(none)')                                  AS utm_campaign,
  count(*)                                                          AS sessions,
  count(*) FILTER (WHERE is_engaged)                                AS engaged_sessions,
  count(*) FILTER (WHERE orders > 0)                                AS converted_sessions,
  CAST(sum(orders) AS BIGINT)                                       AS orders,
  CAST(sum(revenue) AS DECIMAL(18, 2))                             AS revenue
FROM gold.sessions
GROUP BY shop_date, coalesce(utm_source, '(direct)'), coalesce(utm_medium, '(none)'),
  coalesce(utm_campaign, '(none)')
