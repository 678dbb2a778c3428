-- One row per user: the data of the directory, and what the shop observed. Money is in the currency that the user
-- ordered in most often; orders in other currencies are counted separately.
with sightings as (
    select
        u.user_id,
        u.is_customer,
        v.anonymous_id,
        v.session_start as begins_at,
        v.session_end as ends_at,
        v.shop_date,
        1 as is_visit,
        case when v.is_engaged then 1 else 0 end as is_engaged,
        v.utm_source,
        v.device,
        v.geo_country,
        v.geo_city
    from {{ ref('fct_sessions') }} as v
    inner join {{ ref('int_session_users') }} as u on u.session_id = v.session_id
    union all
    -- An order in the visit of another user, as on a shared device.
    select user_id, is_customer, anonymous_id, event_time, event_time, shop_date, 0, 0, null, null, null, null
    from {{ ref('int_buyers') }}
), seen as (
    select
        user_id,
        max(case when is_customer then 1 else 0 end) = 1 as is_customer,
        count(distinct {{ known_id('anonymous_id') }}) as devices,
        min(begins_at) as first_seen_at,
        max(ends_at) as last_seen_at,
        min(shop_date) as first_seen_date,
        max(shop_date) as last_seen_date,
        cast(sum(is_visit) as bigint) as sessions,
        cast(sum(is_engaged) as bigint) as engaged_sessions,
        {{ earliest('utm_source', 'begins_at') }} as first_utm_source,
        {{ latest('device', 'begins_at') }} as last_device,
        {{ latest('geo_country', 'begins_at') }} as last_country,
        {{ latest('geo_city', 'begins_at') }} as last_city
    from sightings
    group by user_id
), money as (
    select
        *,
        row_number() over (partition by user_id order by orders desc, revenue desc, {{ bytewise('currency') }}) as place,
        sum(orders) over (partition by user_id) as all_orders,
        min(first_order_at) over (partition by user_id) as first_ordered_at,
        max(last_order_at) over (partition by user_id) as last_ordered_at,
        min(first_order_date) over (partition by user_id) as first_ordered_date
    from {{ ref('int_user_money') }}
), buyers as (
    select o.order_id, min({{ bytewise('b.user_id') }}) as user_id
    from {{ ref('fct_orders') }} as o
    inner join {{ ref('int_buyers') }} as b on b.event_id = o.event_id
    group by o.order_id
), beyond as (
    select b.user_id, r.currency, cast(sum(r.beyond_order) as decimal(18, 2)) as amount
    from {{ ref('fct_order_refunds') }} as r
    inner join buyers as b on b.order_id = r.order_id
    group by b.user_id, r.currency
)
select
    seen.user_id,
    seen.is_customer,
    coalesce(own.signup_date, made.signup_date) as signup_date,
    coalesce(own.country, made.country) as directory_country,
    coalesce(own.segment, made.segment) as directory_segment,
    coalesce(own.newsletter, made.newsletter) as newsletter,
    seen.devices,
    seen.first_seen_at,
    seen.last_seen_at,
    seen.first_seen_date,
    seen.last_seen_date,
    seen.sessions,
    seen.engaged_sessions,
    seen.first_utm_source,
    seen.last_device,
    seen.last_country,
    seen.last_city,
    cast(coalesce(money.all_orders, 0) as bigint) as orders,
    money.first_ordered_date as first_order_date,
    money.first_ordered_at as first_order_at,
    money.last_ordered_at as last_order_at,
    money.currency,
    coalesce(money.orders, 0) as orders_in_currency,
    coalesce(money.revenue, cast(0 as decimal(18, 2))) as revenue,
    coalesce(money.refunds, cast(0 as decimal(18, 2))) as refunds,
    coalesce(money.net_revenue, cast(0 as decimal(18, 2))) as ltv,
    coalesce(beyond.amount, cast(0 as decimal(18, 2))) as refunds_beyond_orders
from seen
left join money on money.user_id = seen.user_id and money.place = 1
left join beyond on beyond.user_id = seen.user_id and beyond.currency = money.currency
left join {{ ref('seed_user_directory') }} as own
    on own.customer_id = seen.user_id and seen.is_customer
-- The generator's customers are 'c7-335c', a number and the id of its run; the directory has the number.
left join {{ ref('seed_user_directory') }} as made
    on made.customer_id = split_part(seen.user_id, '-', 1) and seen.is_customer
