{# Groups in which the sum of a column is not exactly that of another relation's: parts add up to the whole. #}
{% test sums_to(model, column_name, of, of_column, by, where_there=none) %}
with parts as (
    select {{ by | join(', ') }}, {{ column_name }} as part, 0 as whole from {{ model }}
    union all
    select {{ by | join(', ') }}, 0, {{ of_column }} from {{ of }}
    {% if where_there is not none %} where {{ where_there }}{% endif %}
)
select {{ by | join(', ') }}, sum(part) as parts, sum(whole) as whole
from parts
group by {{ by | join(', ') }}
having sum(part) <> sum(whole)
{% endtest %}
