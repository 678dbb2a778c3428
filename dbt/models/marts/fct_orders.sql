{{ config(
    materialized='incremental', incremental_strategy='replace_from', on_schema_change='fail',
    meta={'day': 'event_date', 'reach': 0},
) }}
-- One row per order of a person; what came late is on the day it happened.
select
    event_id,
    order_id,
    event_time,
    event_date,
    shop_date,
    cast(extract(hour from {{ shop_time('event_time') }}) as integer) as shop_hour,
    anonymous_id,
    customer_id,
    client_session_id,
    lines,
    units,
    revenue,
    tax,
    shipping,
    discount,
    total,
    coupon,
    payment_type,
    currency,
    device,
    geo_city,
    geo_country,
    late_ms
from {{ ref('stg_orders') }}
where not is_bot
{% if is_incremental() %}
    and event_date >= date '{{ replaced_from() }}'
{% endif %}
