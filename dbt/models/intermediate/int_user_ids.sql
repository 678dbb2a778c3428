-- The user behind a visitor: the customer last seen with the anonymous_id, else the anonymous_id itself.
select
    anonymous_id,
    coalesce({{ latest('customer_id', 'session_start') }}, anonymous_id) as user_id,
    max(case when customer_id is not null then 1 else 0 end) = 1 as is_customer
from {{ ref('fct_sessions') }}
group by anonymous_id
