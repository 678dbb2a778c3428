-- Whose each order and refund is. An order's own customer_id decides. Without one it is of the customer of its
-- visit: of several the one known at or before it, else the first; without any, of the visit's user. A refund
-- is of the user who ordered; if its order is not in the lake, it is found like an order.
with money_events as (
    select
        event_id, order_id, event_time, shop_date, anonymous_id, true as is_order,
        {{ known_id('customer_id') }} as customer_id
    from {{ ref('fct_orders') }}
    union all
    select
        event_id, order_id, event_time, shop_date, anonymous_id, false,
        {{ known_id('customer_id') }}
    from {{ ref('stg_refunds') }}
    where not is_bot
), guests as (
    select
        m.event_id,
        m.anonymous_id,
        m.event_time,
        v.session_start,
        v.first_known_customer_id,
        v.known_customers,
        u.user_id,
        u.is_customer,
        u.has_visitor
    from money_events as m
    inner join {{ ref('fct_sessions') }} as v
        on v.anonymous_id = m.anonymous_id
        and m.event_time between v.session_start and v.session_end
    inner join {{ ref('int_session_users') }} as u on u.session_id = v.session_id
    where m.customer_id is null
), known_then as (
    select
        guests.event_id,
        {{ latest(known_id('e.customer_id'), 'e.event_time') }} as customer_id
    from guests
    inner join {{ ref('stg_events') }} as e
        on e.anonymous_id = guests.anonymous_id
        and e.event_time between guests.session_start and guests.event_time
    where guests.known_customers > 1 and guests.has_visitor and not e.is_bot
    group by guests.event_id
), found as (
    select
        m.event_id,
        m.order_id,
        m.is_order,
        m.event_time,
        m.shop_date,
        m.anonymous_id,
        case
            when m.customer_id is not null then m.customer_id
            when not g.has_visitor then m.event_id
            when g.known_customers > 1 then coalesce(t.customer_id, g.first_known_customer_id)
            else g.user_id
        end as user_id,
        m.customer_id is not null or (g.has_visitor and g.is_customer) as is_customer
    from money_events as m
    left join guests as g on g.event_id = m.event_id
    left join known_then as t on t.event_id = m.event_id
), orderers as (
    select
        order_id,
        {{ earliest('user_id', 'event_time') }} as user_id,
        max(case when is_customer then 1 else 0 end) = 1 as is_customer
    from found
    where is_order
    group by order_id
)
select
    f.event_id,
    f.is_order,
    f.event_time,
    f.shop_date,
    f.anonymous_id,
    case when f.is_order then f.user_id else coalesce(o.user_id, f.user_id) end as user_id,
    case when f.is_order then f.is_customer else coalesce(o.is_customer, f.is_customer) end as is_customer
from found as f
left join orderers as o on o.order_id = f.order_id
