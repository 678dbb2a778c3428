{# Fails when the model and the relation `of` differ in rows, or in the sum of a column where one is named.
   `where_here` and `where_there` narrow either side. #}
{% test same_count(model, of, column='1', of_column='1', where_here=none, where_there=none) %}
select here.n as rows_here, there.n as rows_there
from (
    select coalesce(sum({{ column }}), 0) as n from {{ model }}
    {% if where_here is not none %} where {{ where_here }}{% endif %}
) as here
cross join (
    select coalesce(sum({{ of_column }}), 0) as n from {{ of }}
    {% if where_there is not none %} where {{ where_there }}{% endif %}
) as there
where here.n <> there.n
{% endtest %}
