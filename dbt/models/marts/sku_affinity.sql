-- Pairs of products bought in one order, each pair once. lift: how many times as often as expected by chance.
with lines as (
    select distinct event_id, sku from {{ ref('stg_order_items') }} where not is_bot
), sold as (
    select sku, count(*) as orders from lines group by sku
), pairs as (
    select
        a.sku as sku_a,
        b.sku as sku_b,
        count(*) as orders_together
    from lines as a
    inner join lines as b on b.event_id = a.event_id and {{ bytewise('b.sku') }} > {{ bytewise('a.sku') }}
    group by a.sku, b.sku
    having count(*) >= {{ var('affinity_min_orders') }}
), totals as (
    select count(distinct event_id) as orders from lines
)
select
    pairs.sku_a,
    pairs.sku_b,
    pairs.orders_together,
    a.orders as orders_a,
    b.orders as orders_b,
    {{ share('pairs.orders_together', 'totals.orders') }} as support,
    {{ share('pairs.orders_together', 'a.orders') }} as confidence_ab,
    {{ share('pairs.orders_together', 'b.orders') }} as confidence_ba,
    cast(pairs.orders_together as double precision) * totals.orders / (a.orders * b.orders) as lift
from pairs
inner join sold as a on a.sku = pairs.sku_a
inner join sold as b on b.sku = pairs.sku_b
cross join totals
