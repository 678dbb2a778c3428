{{ config(
    materialized='incremental', incremental_strategy='replace_from', on_schema_change='fail',
    meta={'day': 'shop_date', 'reach': 1},
) }}
-- One row per visitor and shop day with an event: all that rolling windows and cohorts need.
select
    shop_date,
    anonymous_id,
    count(*) as events
from {{ ref('stg_events') }}
where not is_bot
{% if is_incremental() %}
    and shop_date >= date '{{ replaced_from() }}' and event_date >= date '{{ days_before(replaced_from(), 1) }}'
{% endif %}
group by shop_date, anonymous_id
