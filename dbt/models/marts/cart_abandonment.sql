-- Carts by the shop day on which the visit began, and currency. A cart is a session in which a product was
-- added to one; it is abandoned if the session has no order. Its value is what was in it at the end.
with changes as (
    select
        v.session_id,
        v.shop_date,
        coalesce(c.currency, '(none)') as currency,
        v.is_converted,
        v.checkouts > 0 as has_checkout,
        max(case when c.action = 'add' then 1 else 0 end) as has_add,
        sum(c.value) as value
    from {{ ref('stg_cart_events') }} as c
    inner join {{ ref('fct_sessions') }} as v
        on v.anonymous_id = c.anonymous_id
        and c.event_time between v.session_start and v.session_end
    where not c.is_bot
    group by v.session_id, v.shop_date, coalesce(c.currency, '(none)'), v.is_converted, v.checkouts > 0
), carts as (
    select
        *,
        -- A product added in an earlier session may be removed: such a cart has the value 0, not less.
        case when value > 0 then value else 0 end as worth
    from changes
    where has_add = 1
), sums as (
    select
        shop_date,
        currency,
        count(*) as carts,
        cast(sum(case when is_converted then 1 else 0 end) as bigint) as ordered_carts,
        cast(sum(case when not is_converted then 1 else 0 end) as bigint) as abandoned_carts,
        cast(sum(case when not is_converted and has_checkout then 1 else 0 end) as bigint) as abandoned_checkouts,
        cast(sum(case when not is_converted then worth else 0 end) as decimal(18, 2)) as abandoned_value
    from carts
    group by shop_date, currency
)
select
    *,
    {{ share('abandoned_carts', 'carts') }} as abandonment_rate
from sums
