{# Words that models share; the same definitions as sql/macros.sql. #}

{# Inside an aggregation: the value that v had last, by time; the greater value where times are equal.
   A millisecond timestamp has 13 digits from 2001 to 2286, so text sorts as time does. #}
{% macro latest(v, t) -%}
  {{ after_time('max(' ~ timed(v, t) ~ ')') }}
{%- endmacro %}

{# The value that v had first. #}
{% macro earliest(v, t) -%}
  {{ after_time('min(' ~ timed(v, t) ~ ')') }}
{%- endmacro %}

{% macro timed(v, t) -%}
  case when {{ v }} is not null then cast({{ epoch_ms(t) }} as varchar) || {{ v }} end
{%- endmacro %}

{# A part of a whole as a floating-point number; null where the whole is nothing. #}
{% macro share(part, whole) -%}
  cast({{ part }} as double precision) / nullif({{ whole }}, 0)
{%- endmacro %}

{# Monday of the week. #}
{% macro week_of(day) %}cast(date_trunc('week', {{ day }}) as date){% endmacro %}
