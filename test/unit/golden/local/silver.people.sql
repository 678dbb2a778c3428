CREATE VIEW silver.people AS
SELECT * FROM silver.events WHERE NOT is_bot;
