/*
kind: figure
title: Today's funnel
every: 5 seconds
access: anyone
note: Sessions that began today; each step counts only sessions that reached the step before it.
*/
WITH day AS (
  SELECT count(*) AS n0,
    count(*) FILTER (WHERE viewed_item) AS n1, count(*) FILTER (WHERE added_to_cart) AS n2,
    count(*) FILTER (WHERE reached_checkout) AS n3, count(*) FILTER (WHERE completed_order) AS n4
  FROM gold.sessions
  WHERE shop_date = shop_day(right_now()) AND session_date >= shop_day(right_now()) - 1
)
SELECT
  step,
  sessions,
  sessions / nullif(before, 0)                                      AS rate_from_previous,
  sessions / nullif(n0, 0)                                          AS rate_overall
FROM (
  SELECT n0, unnest(['session', 'view_item', 'add_to_cart', 'begin_checkout', 'purchase']) AS step,
    unnest([n0, n1, n2, n3, n4]) AS sessions, unnest([NULL, n0, n1, n2, n3]) AS before,
    unnest([1, 2, 3, 4, 5]) AS place
  FROM day
)
ORDER BY place
