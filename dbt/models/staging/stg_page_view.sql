-- Page views.
select
    event_id,
    event_time,
    event_date,
    {{ shop_day('event_time') }} as shop_date,
    anonymous_id,
    customer_id,
    session_id as client_session_id,
    page,
    page_title,
    page_url,
    referrer,
    utm_source,
    utm_medium,
    utm_campaign,
    device,
    geo_city,
    geo_country,
    source,
    is_bot,
    late_ms
from {{ source('lake', 'page_view') }}
