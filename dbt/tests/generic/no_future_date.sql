{# Rows of a day that has not begun anywhere on earth. #}
{% test no_future_date(model, column_name) %}
select * from {{ model }} where {{ column_name }} > {{ today() }} + 1
{% endtest %}
