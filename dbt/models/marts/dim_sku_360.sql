-- One row per product: what it is (as the shop showed it last, else by the catalogue), how often it is viewed,
-- added to carts and bought; products of the catalogue that nobody viewed are included. Money is in the
-- currency that most orders are in; pieces sold in other currencies are counted separately.
with main_currency as (
    select currency
    from (
        select currency, row_number() over (order by count(*) desc, {{ bytewise('currency') }}) as place
        from {{ ref('fct_orders') }}
        group by currency
    ) as ranked
    where place = 1
), looks as (
    select
        sku,
        count(*) as views,
        count(distinct anonymous_id) as viewers,
        max(event_time) as last_viewed_at,
        {{ latest('item_name', 'event_time') }} as item_name,
        {{ latest('category', 'event_time') }} as category,
        {{ latest('brand', 'event_time') }} as brand
    from {{ ref('stg_view_item') }}
    where not is_bot
    group by sku
), carts as (
    select
        sku,
        cast(sum(case when action = 'add' then 1 else 0 end) as bigint) as cart_adds,
        cast(sum(case when action = 'remove' then 1 else 0 end) as bigint) as cart_removals
    from {{ ref('stg_cart_events') }}
    where not is_bot
    group by sku
), sales as (
    select
        i.sku,
        count(distinct i.event_id) as orders,
        count(distinct i.anonymous_id) as buyers,
        cast(sum(i.quantity) as bigint) as units,
        cast(sum(case when m.currency is not null then i.quantity else 0 end) as bigint) as units_in_currency,
        cast(sum(case when m.currency is not null then i.revenue else 0 end) as decimal(18, 2)) as revenue,
        max(i.event_time) as last_sold_at,
        {{ latest('i.item_name', 'i.event_time') }} as item_name,
        {{ latest("case when i.category <> '(none)' then i.category end", 'i.event_time') }} as category,
        {{ latest('i.brand', 'i.event_time') }} as brand
    from {{ ref('stg_order_items') }} as i
    left join main_currency as m on m.currency = i.currency
    where not i.is_bot
    group by i.sku
), skus as (
    select sku from {{ ref('seed_dim_sku') }}
    union
    select sku from looks
    union
    select sku from carts
    union
    select sku from sales
)
select
    skus.sku,
    coalesce(looks.item_name, sales.item_name, seed.item_name) as item_name,
    coalesce(looks.category, sales.category, seed.category, '(none)') as category,
    coalesce(looks.brand, sales.brand, seed.brand) as brand,
    cast(seed.list_price as decimal(18, 2)) as list_price,
    seed.sku is not null as is_in_catalogue,
    coalesce(looks.views, 0) as views,
    coalesce(looks.viewers, 0) as viewers,
    coalesce(carts.cart_adds, 0) as cart_adds,
    coalesce(carts.cart_removals, 0) as cart_removals,
    coalesce(sales.orders, 0) as orders,
    coalesce(sales.buyers, 0) as buyers,
    coalesce(sales.units, 0) as units,
    (select currency from main_currency) as currency,
    coalesce(sales.units_in_currency, 0) as units_in_currency,
    coalesce(sales.revenue, cast(0 as decimal(18, 2))) as revenue,
    {{ share('coalesce(carts.cart_adds, 0)', 'looks.views') }} as cart_rate,
    {{ share('coalesce(sales.orders, 0)', 'looks.views') }} as order_rate,
    looks.last_viewed_at,
    sales.last_sold_at
from skus
left join {{ ref('seed_dim_sku') }} as seed on seed.sku = skus.sku
left join looks on looks.sku = skus.sku
left join carts on carts.sku = skus.sku
left join sales on sales.sku = skus.sku
