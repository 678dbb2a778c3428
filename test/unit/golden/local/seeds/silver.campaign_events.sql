CREATE VIEW silver.campaign_events AS
SELECT
  e.event_id, e.event_time, e.event_date, event_type,
  e.utm_campaign,
  c.utm_campaign                        AS known_campaign,
  coalesce(c.channel, e.utm_source)     AS channel,
  c.budget, clicks, c.big, c.rate, c.started, c.launched, c.active,
  c.budget * 2                          AS twice
FROM silver.events AS e
LEFT JOIN seeds.campaigns AS c ON e.utm_campaign = c.utm_campaign
WHERE e.event_type <> 'search';
