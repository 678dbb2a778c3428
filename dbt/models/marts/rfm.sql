-- Recency, frequency and money of each buyer by currency, in fifths (5 is best), as of the last day in the lake.
with as_of as (
    select max(shop_date) as last_date from {{ ref('fct_sessions') }}
), buyers as (
    select
        money.user_id,
        money.currency,
        money.last_order_date,
        as_of.last_date - money.last_order_date as recency_days,
        money.orders as frequency,
        money.net_revenue as monetary
    from {{ ref('int_user_money') }} as money
    cross join as_of
    where money.orders > 0
), scored as (
    select
        *,
        -- Ties are broken by id, so that every run gives the same result.
        ntile(5) over (partition by currency order by last_order_date, {{ bytewise('user_id') }}) as r_score,
        ntile(5) over (partition by currency order by frequency, {{ bytewise('user_id') }}) as f_score,
        ntile(5) over (partition by currency order by monetary, {{ bytewise('user_id') }}) as m_score
    from buyers
)
select
    user_id,
    currency,
    last_order_date,
    cast(recency_days as integer) as recency_days,
    frequency,
    monetary,
    cast(r_score as integer) as r_score,
    cast(f_score as integer) as f_score,
    cast(m_score as integer) as m_score,
    case
        when r_score >= 4 and f_score >= 4 and m_score >= 4 then 'champion'
        when r_score >= 4 and frequency = 1 then 'new'
        when r_score >= 3 and f_score >= 3 then 'loyal'
        when r_score <= 2 and f_score >= 4 then 'at risk'
        when r_score <= 2 then 'sleeping'
        else 'promising'
    end as segment
from scored
