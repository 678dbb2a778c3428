-- Products added to a cart or removed from it. value: what the change adds to the cart, negative for a removal.
select
    event_id,
    event_time,
    event_date,
    {{ shop_day('event_time') }} as shop_date,
    anonymous_id,
    customer_id,
    session_id as client_session_id,
    action,
    sku,
    item_name,
    category,
    brand,
    unit_price,
    quantity,
    cast(case when action = 'add' then 1 else -1 end * quantity * unit_price as decimal(18, 2)) as value,
    currency,
    device,
    is_bot,
    late_ms
from {{ source('lake', 'cart_event') }}
