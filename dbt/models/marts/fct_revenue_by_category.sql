{{ config(
    materialized='incremental', incremental_strategy='replace_from', on_schema_change='fail',
    meta={'day': 'shop_date', 'reach': 1},
) }}
-- Sales by shop day, currency and category; the categories add up to fct_revenue_daily.
select
    shop_date,
    currency,
    category,
    count(*) as lines,
    count(distinct order_id) as orders,
    cast(sum(quantity) as bigint) as units,
    cast(sum(revenue) as decimal(18, 2)) as revenue
from {{ ref('stg_order_items') }}
where not is_bot
{% if is_incremental() %}
    and shop_date >= date '{{ replaced_from() }}' and event_date >= date '{{ days_before(replaced_from(), 1) }}'
{% endif %}
group by shop_date, currency, category
