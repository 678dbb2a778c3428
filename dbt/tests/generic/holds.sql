{# Rows for which a condition is not true, or can't be told because something in it is NULL. #}
{% test holds(model, condition) %}
select * from {{ model }} where not coalesce({{ condition }}, false)
{% endtest %}
