-- Whose each visit is. A visit with a customer is that customer's, the last one's if there are several. A visit
-- without one is of the customer before it on the device and of the one after it, if both are the same or only
-- one is known; between two customers it is of the device alone, because either may have made it.
with visits as (
    select
        session_id,
        anonymous_id,
        last_known_customer_id,
        {{ known_id('anonymous_id') }} is not null as has_visitor,
        {{ after_time(
            'max(' ~ timed('last_known_customer_id', 'session_start') ~ ') over (
                partition by anonymous_id order by session_start
                rows between unbounded preceding and 1 preceding
            )'
        ) }} as customer_before,
        {{ after_time(
            'min(' ~ timed('first_known_customer_id', 'session_start') ~ ') over (
                partition by anonymous_id order by session_start
                rows between 1 following and unbounded following
            )'
        ) }} as customer_after
    from {{ ref('fct_sessions') }}
), customers as (
    select
        session_id,
        anonymous_id,
        has_visitor,
        case
            when not has_visitor then null
            when last_known_customer_id is not null then last_known_customer_id
            when customer_before <> customer_after then null
            else coalesce(customer_before, customer_after)
        end as customer_id
    from visits
)
select
    session_id,
    anonymous_id,
    -- All who have no id are in the visits of a placeholder: such a visit is nobody else's.
    coalesce(customer_id, case when has_visitor then anonymous_id else session_id end) as user_id,
    customer_id is not null as is_customer,
    has_visitor
from customers
