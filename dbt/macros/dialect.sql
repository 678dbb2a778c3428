{# SQL that differs between DuckDB and Redshift. Everything else in this project is plain SQL for both. #}

{# The calendar day in the shop's timezone, daylight saving included; `t` is a timestamp in UTC. #}
{% macro shop_day(t) %}cast({{ shop_time(t) }} as date){% endmacro %}

{# The wall clock in the shop's timezone. #}
{% macro shop_time(t) %}{{ return(adapter.dispatch('shop_time')(t)) }}{% endmacro %}
{% macro default__shop_time(t) %}timezone('{{ var("shop_timezone") }}', timezone('UTC', {{ t }})){% endmacro %}
{% macro redshift__shop_time(t) %}convert_timezone('UTC', '{{ var("shop_timezone") }}', {{ t }}){% endmacro %}

{# Milliseconds since 1970. #}
{% macro epoch_ms(t) %}{{ return(adapter.dispatch('epoch_ms')(t)) }}{% endmacro %}
{% macro default__epoch_ms(t) %}epoch_ms({{ t }}){% endmacro %}
{% macro redshift__epoch_ms(t) %}datediff(millisecond, timestamp '1970-01-01 00:00:00', {{ t }}){% endmacro %}

{# Inside an aggregation: the texts in order, separated by spaces. #}
{% macro in_order(text) %}{{ return(adapter.dispatch('in_order')(text)) }}{% endmacro %}
{% macro default__in_order(text) %}string_agg({{ text }}, ' ' order by {{ text }}){% endmacro %}
{% macro redshift__in_order(text) %}listagg({{ text }}, ' ') within group (order by {{ text }}){% endmacro %}

{# An amount divided by a count, rounded to the cent, half a cent up. DuckDB divides decimals as floating point. #}
{% macro money_per(amount, n) %}{{ return(adapter.dispatch('money_per')(amount, n)) }}{% endmacro %}
{% macro default__money_per(amount, n) -%}
  cast(((cast({{ amount }} * 100 as bigint) * 2 + {{ n }}) // nullif(2 * {{ n }}, 0)) * 0.01 as decimal(18, 2))
{%- endmacro %}
{% macro redshift__money_per(amount, n) -%}
  cast({{ amount }} / nullif({{ n }}, 0) as decimal(18, 2))
{%- endmacro %}

{# Text after the first 13 characters, the length of a time in milliseconds. #}
{% macro after_time(text) %}substring({{ text }}, 14){% endmacro %}
