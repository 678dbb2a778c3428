{# Fails when the model has no more rows than `minimum`, though `when_rows_in` has rows (of those `where` asks
   for): an empty table passes unique and not_null, and must not pass here. Without `when_rows_in`: always. #}
{% test row_count_above(model, minimum=0, when_rows_in=none, where_there=none) %}
select built.n
from (select count(*) as n from {{ model }}) as built
{% if when_rows_in is not none %}
cross join (
    select count(*) as n from {{ when_rows_in }}
    {% if where_there is not none %} where {{ where_there }}{% endif %}
) as source
{% endif %}
where built.n <= {{ minimum }}
{% if when_rows_in is not none %} and source.n > 0{% endif %}
{% endtest %}
