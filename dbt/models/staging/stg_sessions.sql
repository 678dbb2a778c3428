-- Visits over all of Silver. fct_sessions keeps them and works out anew only the days that may have changed.
with events as (
    select * from {{ ref('stg_events') }} where not is_bot
)
select * from (
    {{ sessions_of('events') }}
) as visits
