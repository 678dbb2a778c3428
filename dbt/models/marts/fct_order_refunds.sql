-- One row per order and currency with a refund. Refunds count as they were given, partial ones one by one; what
-- exceeds the order's total is in beyond_order, so that an amount below zero elsewhere has its reason here.
with refunds as (
    select
        order_id,
        currency,
        count(*) as refund_count,
        sum(refund_amount) as refunds,
        min(event_time) as first_refund_at,
        max(event_time) as last_refund_at
    from {{ ref('stg_refunds') }}
    where not is_bot
    group by order_id, currency
), orders as (
    select order_id, currency, sum(revenue) as revenue, sum(total) as total, min(event_time) as ordered_at
    from {{ ref('fct_orders') }}
    group by order_id, currency
), known as (
    select distinct order_id from {{ ref('fct_orders') }}
)
select
    r.order_id,
    r.currency,
    o.ordered_at,
    cast(o.revenue as decimal(18, 2)) as revenue,
    cast(o.total as decimal(18, 2)) as total,
    r.refund_count,
    cast(r.refunds as decimal(18, 2)) as refunds,
    cast(case when r.refunds > o.total then r.refunds - o.total else 0 end as decimal(18, 2)) as beyond_order,
    r.first_refund_at,
    r.last_refund_at,
    case
        when o.order_id is null and k.order_id is not null then 'other currency'
        when o.order_id is null then 'no order'
        when r.refunds > o.total then 'beyond'
        when r.refunds >= o.revenue then 'full'
        else 'partial'
    end as status
from refunds as r
left join orders as o on o.order_id = r.order_id and o.currency = r.currency
left join known as k on k.order_id = r.order_id
