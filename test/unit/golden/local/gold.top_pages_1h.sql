CREATE TABLE state.gold_top_pages_1h AS
WITH _source AS (SELECT * FROM silver.page_view WHERE NOT (CASE WHEN late_ms > 3600000 THEN late_ms >= 3600000 + (3600000 - epoch_ms(event_time) % 3600000) ELSE FALSE END)) SELECT time_bucket(to_hours(CAST(trunc(CAST(1 AS DOUBLE)) AS BIGINT)), event_time) AS k0, page AS k1, count_star() AS a0 FROM _source WHERE (NOT is_bot) GROUP BY time_bucket(to_hours(CAST(trunc(CAST(1 AS DOUBLE)) AS BIGINT)), event_time), page;

CREATE VIEW gold.top_pages_1h AS
WITH _merged AS (SELECT k0, k1, a0 FROM (SELECT * FROM (SELECT k0, k1, CAST(sum(a0) AS BIGINT) AS a0 FROM (SELECT * FROM state.gold_top_pages_1h) GROUP BY k0, k1))) SELECT k0 AS window_start, k1 AS page, a0 AS "views" FROM _merged;
