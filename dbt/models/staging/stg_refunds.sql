-- Refunds, full or partial, on the day they were given.
select
    event_id,
    order_id,
    event_time,
    event_date,
    {{ shop_day('event_time') }} as shop_date,
    anonymous_id,
    customer_id,
    cast(units as bigint) as units,
    refund_amount,
    currency,
    is_bot,
    late_ms
from {{ source('lake', 'refunds') }}
