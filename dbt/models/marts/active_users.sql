-- Distinct visitors of a shop day and of the 7 and 28 days that end with it, a row for each day from the
-- first to the last. A visitor seen on a day counts until the window has passed or the visitor is seen again, so two
-- steps per visitor and day, +1 and −1, are enough; no day is compared with 28 others.
with seen as (
    select
        shop_date,
        lead(shop_date) over (partition by anonymous_id order by shop_date) as next_date
    from {{ ref('int_visitor_days') }}
), steps as (
    select shop_date as day, 1 as step_1d, 1 as step_7d, 1 as step_28d from seen
    union all
    select shop_date + 1, -1, 0, 0 from seen
    union all
    select case when next_date < shop_date + 7 then next_date else shop_date + 7 end, 0, -1, 0 from seen
    union all
    select case when next_date < shop_date + 28 then next_date else shop_date + 28 end, 0, 0, -1 from seen
), changes as (
    select
        cast(day as date) as shop_date,
        sum(step_1d) as change_1d,
        sum(step_7d) as change_7d,
        sum(step_28d) as change_28d
    from steps
    group by cast(day as date)
), bounds as (
    select min(shop_date) as first_date, max(shop_date) as last_date from seen
), totals as (
    select
        spine.date_day as shop_date,
        sum(changes.change_1d) over (order by spine.date_day rows between unbounded preceding and current row) as d1,
        sum(changes.change_7d) over (order by spine.date_day rows between unbounded preceding and current row) as d7,
        sum(changes.change_28d) over (order by spine.date_day rows between unbounded preceding and current row) as d28
    from {{ ref('time_spine_daily') }} as spine
    inner join bounds on spine.date_day between bounds.first_date and bounds.last_date
    left join changes on changes.shop_date = spine.date_day
)
select
    shop_date,
    cast(d1 as bigint) as active_users_1d,
    cast(d7 as bigint) as active_users_7d,
    cast(d28 as bigint) as active_users_28d,
    {{ share('d1', 'd28') }} as stickiness_28d
from totals
