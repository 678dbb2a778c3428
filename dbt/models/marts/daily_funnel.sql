{{ config(
    materialized='incremental', incremental_strategy='replace_from', on_schema_change='fail',
    meta={'day': 'shop_date', 'reach': 3},
) }}
-- View → cart → order: how far sessions got, by the shop day on which they began. Closed and ordered: each
-- step counts only sessions that reached the step before it.
with counts as (
    select
        shop_date,
        count(*) as sessions,
        cast(sum(case when viewed_item then 1 else 0 end) as bigint) as views,
        cast(sum(case when added_to_cart then 1 else 0 end) as bigint) as carts,
        cast(sum(case when reached_checkout then 1 else 0 end) as bigint) as checkouts,
        cast(sum(case when completed_order then 1 else 0 end) as bigint) as orders,
        cast(sum(case when is_converted then 1 else 0 end) as bigint) as converted_sessions,
        cast(sum(case when is_engaged then 1 else 0 end) as bigint) as engaged_sessions
    from {{ ref('fct_sessions') }}
    {% if is_incremental() %}
    where shop_date >= date '{{ replaced_from() }}'
    {% endif %}
    group by shop_date
)
select
    *,
    {{ share('views', 'sessions') }} as view_rate,
    {{ share('carts', 'views') }} as cart_rate,
    {{ share('checkouts', 'carts') }} as checkout_rate,
    {{ share('orders', 'checkouts') }} as order_rate,
    {{ share('orders', 'sessions') }} as funnel_rate,
    {{ share('converted_sessions', 'sessions') }} as conversion_rate,
    {{ share('sessions - engaged_sessions', 'sessions') }} as bounce_rate
from counts
