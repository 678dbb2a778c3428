/*
kind: figure
title: Cities today
every: 10 seconds
access: anyone
note: Where today's sessions came from, if known.
*/
SELECT
  coalesce(geo_city, '(unknown)')                                   AS city,
  geo_country                                                       AS country,
  count(*)                                                          AS sessions,
  CAST(sum(orders) AS BIGINT)                                       AS orders
FROM gold.sessions
WHERE shop_date = shop_day(right_now()) AND session_date >= shop_day(right_now()) - 1
GROUP BY ALL
ORDER BY sessions DESC, city, country LIMIT 8
