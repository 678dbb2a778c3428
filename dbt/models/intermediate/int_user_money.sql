-- One row per user and currency with an order or a refund. A refund belongs to the user who ordered; if its
-- order is not in the lake, to the user whom the refund names.
with orders as (
    select
        ids.user_id,
        o.currency,
        o.order_id,
        o.event_time,
        o.shop_date,
        o.revenue
    from {{ ref('fct_orders') }} as o
    inner join {{ ref('int_user_ids') }} as ids on ids.anonymous_id = o.anonymous_id
), buyers as (
    select order_id, min(user_id) as user_id from orders group by order_id
), refunds as (
    select
        coalesce(buyers.user_id, ids.user_id, r.anonymous_id) as user_id,
        r.currency,
        r.refund_amount
    from {{ ref('stg_refunds') }} as r
    left join buyers on buyers.order_id = r.order_id
    left join {{ ref('int_user_ids') }} as ids on ids.anonymous_id = r.anonymous_id
    where not r.is_bot
), money as (
    select user_id, currency, event_time, shop_date, 1 as is_order, 0 as is_refund, revenue, cast(0 as decimal(18, 2)) as refund
    from orders
    union all
    select user_id, currency, null, null, 0, 1, cast(0 as decimal(18, 2)), refund_amount
    from refunds
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
