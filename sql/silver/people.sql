/*
kind: view
grain: one row per event of a visitor who is not a bot
key: [event_id]
time: event_time
*/
-- The events that Gold is computed from. Silver flags bots; here they are excluded.
SELECT * FROM silver.events WHERE NOT is_bot
