/*
kind: figure
title: Pages people read
every: 5 seconds
access: anyone
note: The current and the previous whole hour.
*/
SELECT page, CAST(sum(views) AS BIGINT)                             AS views
FROM gold.top_pages_1h
WHERE window_start >= time_bucket(INTERVAL 1 HOUR, right_now()) - INTERVAL 1 HOUR
GROUP BY page
ORDER BY views DESC, page LIMIT 8
