{# Definitions that models share; the same as in sql/macros.sql. #}

{# Inside an aggregation: the last value of v by time; of equal times, the greater value.
   A millisecond timestamp has 13 digits from 2001 to 2286, so text sorts as time does. #}
{% macro latest(v, t) -%}
  {{ after_time('max(' ~ timed(v, t) ~ ')') }}
{%- endmacro %}

{# The first value of v. #}
{% macro earliest(v, t) -%}
  {{ after_time('min(' ~ timed(v, t) ~ ')') }}
{%- endmacro %}

{% macro timed(v, t) -%}
  {{ bytewise('case when ' ~ v ~ ' is not null then cast(' ~ epoch_ms(t) ~ ' as varchar) || ' ~ v ~ ' end') }}
{%- endmacro %}

{# A share of a total as a floating-point number; null if the total is 0. #}
{% macro share(part, whole) -%}
  cast({{ part }} as double precision) / nullif({{ whole }}, 0)
{%- endmacro %}

{# Monday of the week. Truncated as a timestamp: PostgreSQL would take a date for midnight in the session's timezone. #}
{% macro week_of(day) %}cast(date_trunc('week', cast({{ day }} as timestamp)) as date){% endmacro %}
