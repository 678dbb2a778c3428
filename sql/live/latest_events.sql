/*
kind: figure
title: Latest events
every: 1 second
note: Events of the last 15 minutes, by the time at which they happened.
*/
SELECT event_time, event_type, page, geo_city AS city, device
FROM silver.events
WHERE NOT is_bot
  AND event_time >= right_now() - INTERVAL 15 MINUTES
  AND event_date >= CAST(right_now() - INTERVAL 15 MINUTES AS DATE)
ORDER BY event_time DESC, event_id LIMIT 12
