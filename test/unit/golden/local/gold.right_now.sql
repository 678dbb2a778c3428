CREATE VIEW gold.right_now AS
SELECT
  count(DISTINCT anonymous_id) FILTER (WHERE session_end >= right_now() - INTERVAL 5 MINUTES)
                                                                    AS visitors_5m,
  count(*) FILTER (WHERE last_cart_at >= right_now() - INTERVAL 10 MINUTES AND orders = 0)
                                                                    AS active_carts_10m,
  count(*) FILTER (WHERE last_checkout_at >= right_now() - INTERVAL 10 MINUTES AND orders = 0)
                                                                    AS active_checkouts_10m,
  count(*) FILTER (WHERE shop_date = shop_day(right_now()))         AS sessions_today,
  CAST(coalesce(sum(orders) FILTER (WHERE shop_date = shop_day(right_now())), 0) AS BIGINT)
                                                                    AS orders_today
FROM gold.sessions
WHERE session_end >= right_now() - INTERVAL 2 DAYS;
