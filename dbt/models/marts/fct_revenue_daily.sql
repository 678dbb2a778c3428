{{ config(
    materialized='incremental', incremental_strategy='replace_from', on_schema_change='fail',
    meta={'day': 'shop_date', 'reach': 1},
) }}
-- Money by the shop day and currency; a refund counts on the day on which it is given.
with money as (
    select
        shop_date, currency, anonymous_id as buyer, revenue, tax, shipping,
        1 as is_order, 0 as is_refund, cast(0 as decimal(18, 2)) as refund_amount
    from {{ ref('fct_orders') }}
    {% if is_incremental() %}
    where shop_date >= date '{{ replaced_from() }}'
    {% endif %}
    union all
    select
        shop_date, currency, null, 0, 0, 0,
        0, 1, refund_amount
    from {{ ref('stg_refunds') }}
    where not is_bot
    {% if is_incremental() %}
    and shop_date >= date '{{ replaced_from() }}' and event_date >= date '{{ days_before(replaced_from(), 1) }}'
    {% endif %}
), sums as (
    select
        shop_date,
        currency,
        cast(sum(is_order) as bigint) as orders,
        count(distinct buyer) as buyers,
        cast(sum(revenue) as decimal(18, 2)) as revenue,
        cast(sum(tax) as decimal(18, 2)) as tax,
        cast(sum(shipping) as decimal(18, 2)) as shipping,
        cast(sum(is_refund) as bigint) as refund_count,
        cast(sum(refund_amount) as decimal(18, 2)) as refunds
    from money
    group by shop_date, currency
)
select
    shop_date,
    currency,
    orders,
    buyers,
    revenue,
    tax,
    shipping,
    refund_count,
    refunds,
    cast(revenue - refunds as decimal(18, 2)) as net_revenue,
    {{ money_per('revenue', 'orders') }} as aov
from sums
