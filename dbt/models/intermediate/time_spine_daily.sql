-- Every day that an event can have by its schema (2001-09-09 to 2286-11-20), for rolling windows, weeks
-- without a row, and metrics over time.
with digits as (
    select 0 as d union all select 1 union all select 2 union all select 3 union all select 4
    union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
), numbers as (
    select e.d * 100000 + t.d * 10000 + k.d * 1000 + h.d * 100 + z.d * 10 + i.d as n
    from (select 0 as d union all select 1) as e
    cross join digits as t cross join digits as k cross join digits as h cross join digits as z
    cross join digits as i
), days as (
    select cast(date '2001-09-09' + cast(n as integer) as date) as date_day from numbers
)
select
    date_day,
    {{ week_of('date_day') }} as week_start,
    cast(date_trunc('month', cast(date_day as timestamp)) as date) as month_start,
    cast(extract(year from date_day) as integer) as year
from days
where date_day <= date '2286-11-20'
