-- Users by the week of their first order: how many of them ordered, and how many visited, in each following week.
-- Weeks begin on Monday in the shop's timezone; a cohort has a row for each week to the last one in the lake.
with buyers as (
    select
        user_id,
        {{ week_of('shop_date') }} as week_start,
        count(*) as orders
    from {{ ref('int_buyers') }}
    where is_order
    group by user_id, {{ week_of('shop_date') }}
), cohorts as (
    select user_id, min(week_start) as cohort_week from buyers group by user_id
), sizes as (
    select cohort_week, count(*) as cohort_size from cohorts group by cohort_week
), visits as (
    select distinct
        user_id,
        {{ week_of('shop_date') }} as week_start
    from {{ ref('int_user_days') }}
), bought as (
    select
        cohorts.cohort_week, buyers.week_start, count(*) as buyers, cast(sum(buyers.orders) as bigint) as orders
    from cohorts
    inner join buyers on buyers.user_id = cohorts.user_id
    group by cohorts.cohort_week, buyers.week_start
), visited as (
    select cohorts.cohort_week, visits.week_start, count(*) as visitors
    from cohorts
    inner join visits on visits.user_id = cohorts.user_id and visits.week_start >= cohorts.cohort_week
    group by cohorts.cohort_week, visits.week_start
), weeks as (
    select spine.date_day as week_start
    from {{ ref('time_spine_daily') }} as spine
    where spine.date_day = spine.week_start
        and spine.date_day >= (select min(cohort_week) from cohorts)
        and spine.date_day <= (select max(week_start) from visits)
)
select
    sizes.cohort_week,
    cast((weeks.week_start - sizes.cohort_week) / 7 as integer) as weeks_since_first_order,
    sizes.cohort_size,
    coalesce(bought.buyers, 0) as buyers,
    coalesce(bought.orders, 0) as orders,
    coalesce(visited.visitors, 0) as visitors,
    {{ share('coalesce(bought.buyers, 0)', 'sizes.cohort_size') }} as buyer_share,
    {{ share('coalesce(visited.visitors, 0)', 'sizes.cohort_size') }} as visitor_share
from sizes
inner join weeks on weeks.week_start >= sizes.cohort_week
left join bought on bought.cohort_week = sizes.cohort_week and bought.week_start = weeks.week_start
left join visited on visited.cohort_week = sizes.cohort_week and visited.week_start = weeks.week_start
