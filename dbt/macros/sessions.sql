{# Sessions of the rows of `events` (columns of stg_events, bots excluded), by exactly the definition of
   sql/gold/sessions.sql: a pause of more than 30 minutes starts a new session, a run longer than 24 hours is
   cut at each midnight UTC, the funnel is closed and ordered. A whole SELECT, for FROM (…). #}
{% macro sessions_of(events) %}
with marked as (
    select
        *,
        {{ known_id('customer_id') }} as known_customer_id,
        {{ epoch_ms('event_time') }} as at_ms,
        case
            when {{ epoch_ms('event_time') }} - {{ epoch_ms('lag(event_time) over (partition by anonymous_id order by event_time, ' ~ bytewise('event_id') ~ ')') }} > 1800000
            then 1 else 0
        end as begins_run
    from {{ events }}
), numbered as (
    select
        *,
        sum(begins_run) over (
            partition by anonymous_id order by event_time, {{ bytewise('event_id') }}
            rows between unbounded preceding and current row
        ) as run
    from marked
), measured as (
    select
        *,
        max(at_ms) over (partition by anonymous_id, run)
            - min(at_ms) over (partition by anonymous_id, run) > 86400000 as is_long
    from numbered
), placed as (
    select
        *,
        min(event_time) over (
            partition by anonymous_id, run, case when is_long then cast(event_time as date) end
        ) as session_start,
        {{ once(
            'known_customer_id',
            'anonymous_id, run, case when is_long then cast(event_time as date) end',
            'event_time'
        ) }} as counted_customer_id
    from measured
), visits as (
    select
        anonymous_id || '@' || cast({{ epoch_ms('session_start') }} as varchar) as session_id,
        anonymous_id,
        session_start,
        max(event_time) as session_end,
        cast(session_start as date) as session_date,
        {{ shop_day('session_start') }} as shop_date,
        min({{ bytewise('client_session_id') }}) as client_session_id,
        {{ latest('customer_id', 'event_time') }} as customer_id,
        {{ earliest('known_customer_id', 'event_time') }} as first_known_customer_id,
        {{ latest('known_customer_id', 'event_time') }} as last_known_customer_id,
        {{ count_once('counted_customer_id') }} as known_customers,
        count(*) as events,
        sum(case when event_type = 'page_view' then 1 else 0 end) as page_views,
        sum(case when event_type = 'view_item' then 1 else 0 end) as item_views,
        sum(case when event_type = 'add_to_cart' then 1 else 0 end) as cart_adds,
        sum(case when event_type = 'begin_checkout' then 1 else 0 end) as checkouts,
        sum(case when event_type = 'purchase' then 1 else 0 end) as orders,
        sum(revenue) as revenue,
        max(case when event_type = 'add_to_cart' then event_time end) as last_cart_at,
        max(case when event_type = 'begin_checkout' then event_time end) as last_checkout_at,
        {{ latest('utm_source', 'event_time') }} as utm_source,
        {{ latest('utm_medium', 'event_time') }} as utm_medium,
        {{ latest('utm_campaign', 'event_time') }} as utm_campaign,
        {{ earliest('page', 'event_time') }} as landing_page,
        {{ latest('page', 'event_time') }} as exit_page,
        min({{ bytewise('device') }}) as device,
        min({{ bytewise('geo_country') }}) as geo_country,
        min({{ bytewise('geo_city') }}) as geo_city,
        max(at_ms) - min(at_ms) as duration_ms,
        coalesce({{ in_order(
            "case event_type
                when 'view_item' then cast(at_ms as varchar) || 'a'
                when 'add_to_cart' then cast(at_ms as varchar) || 'b'
                when 'begin_checkout' then cast(at_ms as varchar) || 'c'
                when 'purchase' then cast(at_ms as varchar) || 'd'
            end") }}, '') as steps
    from placed
    group by anonymous_id, session_start
)
select
    session_id,
    anonymous_id,
    session_start,
    session_end,
    session_date,
    shop_date,
    client_session_id,
    customer_id,
    cast(events as bigint) as events,
    cast(page_views as bigint) as page_views,
    cast(item_views as bigint) as item_views,
    cast(cart_adds as bigint) as cart_adds,
    cast(checkouts as bigint) as checkouts,
    cast(orders as bigint) as orders,
    cast(revenue as decimal(18, 2)) as revenue,
    last_cart_at,
    last_checkout_at,
    utm_source,
    utm_medium,
    utm_campaign,
    device,
    geo_country,
    geo_city,
    cast(duration_ms as bigint) as duration_ms,
    duration_ms >= 10000 or page_views >= 2 or orders > 0 as is_engaged,
    steps,
    steps like '%a%' as viewed_item,
    steps like '%a%b%' as added_to_cart,
    steps like '%a%b%c%' as reached_checkout,
    steps like '%a%b%c%d%' as completed_order,
    landing_page,
    exit_page,
    first_known_customer_id,
    last_known_customer_id,
    cast(known_customers as bigint) as known_customers
from visits
{% endmacro %}
