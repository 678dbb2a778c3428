-- One row per user and currency with an order or a refund; int_buyers says whose each is.
with money as (
    select
        b.user_id, o.currency, o.event_time, o.shop_date,
        1 as is_order, 0 as is_refund, o.revenue, cast(0 as decimal(18, 2)) as refund
    from {{ ref('fct_orders') }} as o
    inner join {{ ref('int_buyers') }} as b on b.event_id = o.event_id
    union all
    select b.user_id, r.currency, null, null, 0, 1, cast(0 as decimal(18, 2)), r.refund_amount
    from {{ ref('stg_refunds') }} as r
    inner join {{ ref('int_buyers') }} as b on b.event_id = r.event_id
    where not r.is_bot
)
select
    user_id,
    currency,
    cast(sum(is_order) as bigint) as orders,
    cast(sum(revenue) as decimal(18, 2)) as revenue,
    cast(sum(is_refund) as bigint) as refund_count,
    cast(sum(refund) as decimal(18, 2)) as refunds,
    cast(sum(revenue) - sum(refund) as decimal(18, 2)) as net_revenue,
    min(event_time) as first_order_at,
    max(event_time) as last_order_at,
    min(shop_date) as first_order_date,
    max(shop_date) as last_order_date
from money
group by user_id, currency
