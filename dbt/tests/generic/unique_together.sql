{# Keys of several columns that occur more than once, or hold a NULL. #}
{% test unique_together(model, columns) %}
select {{ columns | join(', ') }}, count(*) as times
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% for column in columns %} or {{ column }} is null{% endfor %}
{% endtest %}
