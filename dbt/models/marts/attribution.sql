-- The campaign to which a session or an order is attributed. First touch: the user's first session. Last touch: the
-- campaign of the visit itself, else that of the user's latest visit before it that carried one, no more than
-- the var attribution_days earlier; '(direct)' where there was none. An order has the touches of its visit.
with visits as (
    select
        v.session_id,
        v.anonymous_id,
        u.user_id,
        v.session_start,
        v.session_end,
        v.shop_date,
        coalesce(v.utm_source, '(direct)') as utm_source,
        coalesce(v.utm_medium, '(none)') as utm_medium,
        coalesce(v.utm_campaign, '(none)') as utm_campaign,
        v.utm_source is not null or v.utm_medium is not null or v.utm_campaign is not null as is_touch
    from {{ ref('fct_sessions') }} as v
    inner join {{ ref('int_session_users') }} as u on u.session_id = v.session_id
), touched as (
    select
        *,
        {{ after_time(
            'min(' ~ timed('session_id', 'session_start') ~ ') over (partition by user_id)'
        ) }} as first_session_id,
        {{ after_time(
            'max(case when is_touch then ' ~ timed('session_id', 'session_start') ~ ' end) over (
                partition by user_id order by session_start, ' ~ bytewise('session_id') ~ '
                rows between unbounded preceding and current row
            )'
        ) }} as touch_session_id
    from visits
), credited as (
    select
        v.session_id,
        v.anonymous_id,
        v.shop_date,
        first_visit.utm_source as first_touch_source,
        first_visit.utm_medium as first_touch_medium,
        first_visit.utm_campaign as first_touch_campaign,
        coalesce(touch.utm_source, '(direct)') as last_touch_source,
        coalesce(touch.utm_medium, '(none)') as last_touch_medium,
        coalesce(touch.utm_campaign, '(none)') as last_touch_campaign,
        touch.session_start as last_touch_at
    from touched as v
    inner join visits as first_visit on first_visit.session_id = v.first_session_id
    left join visits as touch
        on touch.session_id = v.touch_session_id
        and {{ epoch_ms('v.session_start') }} - {{ epoch_ms('touch.session_start') }} <= cast({{ var('attribution_days') }} as bigint) * 86400000
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
