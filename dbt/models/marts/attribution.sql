-- The campaign to which a session or an order is attributed. First touch: the visitor's first session. Last touch: the
-- campaign of the visit itself, else that of the visitor's latest visit before it that carried one, no more than
-- the var attribution_days earlier; '(direct)' where there was none. An order has the touches of its visit.
with visits as (
    select
        session_id,
        anonymous_id,
        session_start,
        session_end,
        shop_date,
        is_converted,
        coalesce(utm_source, '(direct)') as utm_source,
        coalesce(utm_medium, '(none)') as utm_medium,
        coalesce(utm_campaign, '(none)') as utm_campaign,
        utm_source is not null or utm_medium is not null or utm_campaign is not null as is_touch
    from {{ ref('fct_sessions') }}
), touched as (
    select
        *,
        min(session_start) over (partition by anonymous_id) as first_start,
        max(case when is_touch then session_start end) over (
            partition by anonymous_id order by session_start
            rows between unbounded preceding and current row
        ) as touch_start
    from visits
), credited as (
    select
        v.session_id,
        v.anonymous_id,
        v.session_start,
        v.session_end,
        v.shop_date,
        first_visit.utm_source as first_touch_source,
        first_visit.utm_medium as first_touch_medium,
        first_visit.utm_campaign as first_touch_campaign,
        coalesce(touch.utm_source, '(direct)') as last_touch_source,
        coalesce(touch.utm_medium, '(none)') as last_touch_medium,
        coalesce(touch.utm_campaign, '(none)') as last_touch_campaign,
        touch.session_start as last_touch_at
    from touched as v
    inner join visits as first_visit
        on first_visit.anonymous_id = v.anonymous_id and first_visit.session_start = v.first_start
    left join visits as touch
        on touch.anonymous_id = v.anonymous_id
        and touch.session_start = v.touch_start
        and {{ epoch_ms('v.session_start') }} - {{ epoch_ms('v.touch_start') }} <= cast({{ var('attribution_days') }} as bigint) * 86400000
), subjects as (
    select
        'session' as subject,
        session_id as subject_id,
        session_id,
        shop_date,
        cast(null as varchar) as order_id,
        cast(null as varchar) as currency,
        cast(0 as decimal(18, 2)) as revenue
    from credited
    union all
    select
        'order',
        o.event_id,
        v.session_id,
        o.shop_date,
        o.order_id,
        o.currency,
        o.revenue
    from {{ ref('fct_orders') }} as o
    inner join visits as v
        on v.anonymous_id = o.anonymous_id
        and o.event_time between v.session_start and v.session_end
)
select
    s.subject,
    s.subject_id,
    s.session_id,
    c.anonymous_id,
    s.shop_date,
    s.order_id,
    s.currency,
    s.revenue,
    c.first_touch_source,
    c.first_touch_medium,
    c.first_touch_campaign,
    c.last_touch_source,
    c.last_touch_medium,
    c.last_touch_campaign,
    c.last_touch_at,
    c.last_touch_at is null as is_direct
from subjects as s
inner join credited as c on c.session_id = s.session_id
