-- Every event, bots flagged, with the shop's day. Sessions are computed from them.
select
    event_id,
    event_type,
    event_time,
    event_date,
    {{ shop_day('event_time') }} as shop_date,
    anonymous_id,
    customer_id,
    session_id as client_session_id,
    page,
    referrer,
    utm_source,
    utm_medium,
    utm_campaign,
    device,
    geo_city,
    geo_country,
    source,
    revenue,
    is_bot,
    late_ms
from {{ source('lake', 'events') }}
