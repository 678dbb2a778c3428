-- The lines of orders; the revenue of its lines adds up to that of the order.
select
    event_id,
    line,
    order_id,
    event_time,
    event_date,
    {{ shop_day('event_time') }} as shop_date,
    anonymous_id,
    customer_id,
    sku,
    item_name,
    category,
    brand,
    quantity,
    unit_price,
    discount,
    revenue,
    currency,
    is_bot,
    late_ms
from {{ source('lake', 'order_items') }}
