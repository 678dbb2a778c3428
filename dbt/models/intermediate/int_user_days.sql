-- One row per user and shop day with a visit that begins or ends on it, or an order: all that cohorts need.
select u.user_id, v.shop_date
from {{ ref('fct_sessions') }} as v
inner join {{ ref('int_session_users') }} as u on u.session_id = v.session_id
union
select u.user_id, {{ shop_day('v.session_end') }}
from {{ ref('fct_sessions') }} as v
inner join {{ ref('int_session_users') }} as u on u.session_id = v.session_id
union
select user_id, shop_date
from {{ ref('int_buyers') }}
where is_order
