-- Sessions over all of Silver. fct_sessions stores them and recomputes only the days that may have changed.
with events as (
    select * from {{ ref('stg_events') }} where not is_bot
)
select * from (
    {{ sessions_of('events') }}
) as visits
