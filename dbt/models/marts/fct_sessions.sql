{{ config(
    materialized='incremental', incremental_strategy='replace_from', on_schema_change='fail',
    meta={'day': 'session_date', 'reach': 2},
) }}
-- One row per visit. An event changes no session that began more than 24 hours and a pause before it, hence
-- the reach of two days; two more days are read to find the true start of long runs.
{% set events, visits = ref('stg_events'), ref('stg_sessions') %}
{% if is_incremental() %}
with events as (
    select * from {{ events }}
    where not is_bot and event_date >= date '{{ days_before(replaced_from(), 2) }}'
), visits as (
    select * from (
        {{ sessions_of('events') }}
    ) as all_visits
    where session_date >= date '{{ replaced_from() }}'
)
{% else %}
with visits as (
    select * from {{ visits }}
)
{% endif %}
select
    session_id,
    anonymous_id,
    session_start,
    session_end,
    session_date,
    shop_date,
    cast(extract(hour from {{ shop_time('session_start') }}) as integer) as shop_hour,
    client_session_id,
    customer_id,
    first_known_customer_id,
    last_known_customer_id,
    known_customers,
    events,
    page_views,
    item_views,
    cart_adds,
    checkouts,
    orders,
    revenue,
    last_cart_at,
    last_checkout_at,
    utm_source,
    utm_medium,
    utm_campaign,
    landing_page,
    exit_page,
    device,
    geo_country,
    geo_city,
    duration_ms,
    is_engaged,
    orders > 0 as is_converted,
    steps,
    viewed_item,
    added_to_cart,
    reached_checkout,
    completed_order
from visits
