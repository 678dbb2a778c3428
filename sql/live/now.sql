/*
kind: figure
title: Right now
every: 1 second
access: anyone
note: Distinct visitors of the last 5 minutes; carts and checkouts of the last 10 minutes without an order yet.
*/
-- The first three numbers of gold.right_now; older sessions can't count in them, so they are not read.
SELECT
  count(DISTINCT anonymous_id) FILTER (WHERE session_end >= right_now() - INTERVAL 5 MINUTES)
                                                                    AS visitors_5m,
  count(*) FILTER (WHERE last_cart_at >= right_now() - INTERVAL 10 MINUTES AND orders = 0)
                                                                    AS active_carts_10m,
  count(*) FILTER (WHERE last_checkout_at >= right_now() - INTERVAL 10 MINUTES AND orders = 0)
                                                                    AS active_checkouts_10m
FROM gold.sessions
WHERE session_end >= right_now() - INTERVAL 10 MINUTES
