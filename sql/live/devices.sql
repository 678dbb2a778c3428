/*
kind: figure
title: Devices today
every: 10 seconds
access: anyone
note: Share of today's sessions.
*/
SELECT
  device,
  count(*)                                                          AS sessions,
  count(*) / sum(count(*)) OVER ()                                  AS share,
  CAST(sum(orders) AS BIGINT)                                       AS orders
FROM gold.sessions
WHERE shop_date = shop_day(right_now()) AND session_date >= shop_day(right_now()) - 1
GROUP BY device
ORDER BY sessions DESC, device LIMIT 8
