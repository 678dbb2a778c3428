-- Product views.
select
    event_id,
    event_time,
    event_date,
    {{ shop_day('event_time') }} as shop_date,
    anonymous_id,
    customer_id,
    sku,
    item_name,
    category,
    brand,
    unit_price,
    currency,
    is_bot,
    late_ms
from {{ source('lake', 'view_item') }}
