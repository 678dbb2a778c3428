CREATE VIEW fresh_bronze.events AS
SELECT event_id, event_type, event_ts, sent_ts, received_ts, anonymous_id, customer_id, session_id, page, page_title, page_url, referrer, utm_source, utm_medium, utm_campaign, device, user_agent, bot_hint, geo_city, geo_country, "source", currency, consent, search_term, results_count, payment_type, order_id, coupon, tax_minor, shipping_minor, discount_minor, refund_minor, items, topic, "partition", "offset", ingest_time, late_ms, CAST(CASE  WHEN (((sent_ts IS NOT NULL) AND (received_ts IS NOT NULL))) THEN (make_timestamp_ms(least((epoch_ms(received_ts) - (epoch_ms(sent_ts) - epoch_ms(event_ts))), epoch_ms(received_ts)))) WHEN (((received_ts IS NOT NULL) AND (event_ts > received_ts))) THEN (received_ts) ELSE event_ts END AS DATE) AS event_date, seq FROM raw.fresh_events;

CREATE VIEW bronze.events AS
SELECT
  event_id, event_type, event_ts, sent_ts, received_ts,
  anonymous_id, customer_id, session_id,
  page, page_title, page_url, referrer,
  utm_source, utm_medium, utm_campaign,
  device, user_agent, bot_hint, geo_city, geo_country, source,
  currency, consent, search_term, results_count, payment_type,
  order_id, coupon, tax_minor, shipping_minor, discount_minor, refund_minor, items,
  topic, partition, "offset", ingest_time, late_ms,
  CAST(CASE
    WHEN sent_ts IS NOT NULL AND received_ts IS NOT NULL THEN
      make_timestamp_ms(least(epoch_ms(received_ts) - (epoch_ms(sent_ts) - epoch_ms(event_ts)),
                              epoch_ms(received_ts)))
    WHEN received_ts IS NOT NULL AND event_ts > received_ts THEN received_ts
    ELSE event_ts
  END AS DATE) AS event_date
FROM raw.events;
