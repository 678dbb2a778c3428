-- One row per user: the data of the directory, and what the shop observed. Money is in the currency that the user
-- ordered in most often; orders in other currencies are counted separately.
with seen as (
    select
        ids.user_id,
        max(case when ids.is_customer then 1 else 0 end) = 1 as is_customer,
        count(distinct s.anonymous_id) as devices,
        min(s.session_start) as first_seen_at,
        max(s.session_end) as last_seen_at,
        min(s.shop_date) as first_seen_date,
        max(s.shop_date) as last_seen_date,
        count(*) as sessions,
        cast(sum(case when s.is_engaged then 1 else 0 end) as bigint) as engaged_sessions,
        {{ earliest('s.utm_source', 's.session_start') }} as first_utm_source,
        {{ latest('s.device', 's.session_start') }} as last_device,
        {{ latest('s.geo_country', 's.session_start') }} as last_country,
        {{ latest('s.geo_city', 's.session_start') }} as last_city
    from {{ ref('fct_sessions') }} as s
    inner join {{ ref('int_user_ids') }} as ids on ids.anonymous_id = s.anonymous_id
    group by ids.user_id
), money as (
    select
        *,
        row_number() over (partition by user_id order by orders desc, revenue desc, currency) as place,
        sum(orders) over (partition by user_id) as all_orders,
        min(first_order_at) over (partition by user_id) as first_ordered_at,
        max(last_order_at) over (partition by user_id) as last_ordered_at,
        min(first_order_date) over (partition by user_id) as first_ordered_date
    from {{ ref('int_user_money') }}
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
    coalesce(money.net_revenue, cast(0 as decimal(18, 2))) as ltv
from seen
left join money on money.user_id = seen.user_id and money.place = 1
left join {{ ref('seed_user_directory') }} as own
    on own.customer_id = seen.user_id and seen.is_customer
-- The generator's customers are 'c7-335c', a number and the id of its run; the directory has the number.
left join {{ ref('seed_user_directory') }} as made
    on made.customer_id = split_part(seen.user_id, '-', 1) and seen.is_customer
