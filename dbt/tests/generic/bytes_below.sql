{# Rows in which one text is not below the other by its bytes, or is NULL. #}
{% test bytes_below(model, lesser, greater) %}
select * from {{ model }} where not coalesce({{ bytewise(lesser) }} < {{ bytewise(greater) }}, false)
{% endtest %}
