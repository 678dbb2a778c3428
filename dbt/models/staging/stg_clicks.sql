-- Every event in the columns of the retail warehouse contract, and in their order.
select
    event_id,
    customer_id,
    client_session_id as session_id,
    event_type,
    page,
    utm_campaign,
    device,
    geo_city,
    event_time as event_ts,
    source,
    event_date as dt
from {{ ref('stg_events') }}
