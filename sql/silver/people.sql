/*
kind: view
grain: one row an event of a visitor who is not a bot
key: [event_id]
time: event_time
*/
-- The events Gold is made of: bots are flagged in Silver and left out here.
SELECT * FROM silver.events WHERE NOT is_bot
