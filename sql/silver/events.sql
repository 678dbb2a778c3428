/*
kind: stream
grain: one row per event
key: [event_id]
time: event_time
watermark: 5 seconds         # how far the watermark stays behind the newest event of a partition
dedupe: event_id             # the QUALIFY below; ids are remembered for the horizon, in event time
horizon: 48 hours
dedupe_orders: order_id      # of an order's purchases the first arrival counts: a thank-you page that is
                             # loaded again sends another; order ids are remembered for ever
partition: event_date
audits:
  - unique(event_id)
  - not_null(event_time)
  - accepted_values(device, desktop, mobile, tablet, bot)
  - "revenue >= 0"
*/
-- One clean row per event: the first arrival of each event_id, with corrected time, exact money and a bot
-- flag. event_time = received - (sent - happened): the device's clock may be wrong, but the time between two
-- of its readings is right; never later than the time at which the shop received the event.
SELECT
  event_id, event_type,
  CASE
    WHEN sent_ts IS NOT NULL AND received_ts IS NOT NULL THEN
      make_timestamp_ms(least(epoch_ms(received_ts) - (epoch_ms(sent_ts) - epoch_ms(event_ts)),
                              epoch_ms(received_ts)))
    WHEN received_ts IS NOT NULL AND event_ts > received_ts THEN received_ts
    ELSE event_ts
  END                                                             AS event_time,
  anonymous_id, customer_id, session_id,
  page, page_title, page_url, referrer,
  utm_source, utm_medium, utm_campaign,
  device, geo_city, geo_country, source,
  coalesce(bot_rule(device, source, user_agent), bot_hint)        AS bot_rule,
  coalesce(bot_rule(device, source, user_agent), bot_hint) IS NOT NULL AS is_bot,
  currency, consent, search_term, results_count, payment_type,
  order_id, coupon,
  money(coalesce(tax_minor, 0))                                   AS tax,
  money(coalesce(shipping_minor, 0))                              AS shipping,
  money(coalesce(discount_minor, 0))                              AS discount,
  CASE WHEN event_type = 'purchase'
    THEN money(coalesce(lines_revenue(items), 0)) ELSE money(0) END
                                                                  AS revenue,
  CASE WHEN event_type = 'refund'
    THEN money(coalesce(refund_minor, lines_revenue(items), 0)) ELSE money(0) END
                                                                  AS refund_amount,
  items,
  topic, partition, "offset", late_ms,
  event_date
FROM bronze.events
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY ingest_time, partition, "offset") = 1
  AND row_number() OVER (
    PARTITION BY CASE WHEN event_type = 'purchase' THEN 'order ' || order_id ELSE event_id END
    ORDER BY ingest_time, partition, "offset") = 1
