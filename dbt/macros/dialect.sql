{# SQL that differs between DuckDB, PostgreSQL and Redshift. Everything else in this project is plain SQL for all
   three. Of a macro without `redshift__`, Redshift takes the one of `postgres__`: what PostgreSQL's tests run, is
   what Redshift runs. #}

{# The calendar day in the shop's timezone, daylight saving included; `t` is a timestamp in UTC. #}
{% macro shop_day(t) %}cast({{ shop_time(t) }} as date){% endmacro %}

{# The wall clock in the shop's timezone. #}
{% macro shop_time(t) %}{{ return(adapter.dispatch('shop_time')(t)) }}{% endmacro %}
{% macro default__shop_time(t) %}timezone('{{ var("shop_timezone") }}', timezone('UTC', {{ t }})){% endmacro %}
{% macro redshift__shop_time(t) %}convert_timezone('UTC', '{{ var("shop_timezone") }}', {{ t }}){% endmacro %}

{# Today in UTC, whatever the timezone of server and session. #}
{% macro today() %}{{ return(adapter.dispatch('today')()) }}{% endmacro %}
{% macro default__today() %}cast(timezone('UTC', now()) as date){% endmacro %}
{% macro redshift__today() %}cast(getdate() as date){% endmacro %}

{# Milliseconds since 1970. #}
{% macro epoch_ms(t) %}{{ return(adapter.dispatch('epoch_ms')(t)) }}{% endmacro %}
{% macro default__epoch_ms(t) %}epoch_ms({{ t }}){% endmacro %}
{% macro postgres__epoch_ms(t) %}cast(floor(extract(epoch from {{ t }}) * 1000) as bigint){% endmacro %}
{% macro redshift__epoch_ms(t) %}datediff(millisecond, timestamp '1970-01-01 00:00:00', {{ t }}){% endmacro %}

{# A text that sorts and compares by its bytes. DuckDB and Redshift always do so; PostgreSQL uses the rules of
   the database's language, where 'b' comes before 'C'. To be used wherever it matters which of two texts is
   greater: ORDER BY, MIN, MAX, <, >. #}
{% macro bytewise(text) %}{{ return(adapter.dispatch('bytewise')(text)) }}{% endmacro %}
{% macro default__bytewise(text) %}{{ text }}{% endmacro %}
{% macro postgres__bytewise(text) %}({{ text }}) collate "C"{% endmacro %}
{% macro redshift__bytewise(text) %}{{ text }}{% endmacro %}

{# A text without the spaces around it. DuckDB's TRIM takes off each kind of space that Unicode has, such as the one
   that doesn't break a line; the others' only ' '. #}
{% macro trimmed(text) %}{{ return(adapter.dispatch('trimmed')(text)) }}{% endmacro %}
{% macro default__trimmed(text) %}trim({{ text }}){% endmacro %}
{% macro postgres__trimmed(text) -%}
  {%- set spaces = '\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000' -%}
  btrim({{ text }}, '{{ spaces }}')
{%- endmacro %}

{# Inside an aggregation: the texts in order, separated by spaces. #}
{% macro in_order(text) %}{{ return(adapter.dispatch('in_order')(text)) }}{% endmacro %}
{% macro default__in_order(text) %}string_agg({{ text }}, ' ' order by {{ bytewise(text) }}){% endmacro %}
{% macro redshift__in_order(text) %}listagg({{ text }}, ' ') within group (order by {{ text }}){% endmacro %}

{# How many different values a group has, in two steps, because Redshift refuses COUNT(DISTINCT …) beside LISTAGG:
   in a subquery, the value in one row of its group only; then, in the aggregation, their number. DuckDB counts
   faster than it would find that row. #}
{% macro once(value, partition, order) %}{{ return(adapter.dispatch('once')(value, partition, order)) }}{% endmacro %}
{% macro default__once(value, partition, order) %}{{ value }}{% endmacro %}
{% macro postgres__once(value, partition, order) -%}
  case when row_number() over (partition by {{ partition }}, {{ value }} order by {{ order }}) = 1 then {{ value }} end
{%- endmacro %}

{% macro count_once(value) %}{{ return(adapter.dispatch('count_once')(value)) }}{% endmacro %}
{% macro default__count_once(value) %}count(distinct {{ value }}){% endmacro %}
{% macro postgres__count_once(value) %}count({{ value }}){% endmacro %}

{# An amount divided by a count, rounded to the cent, half a cent up. DuckDB divides decimals as floating point. #}
{% macro money_per(amount, n) %}{{ return(adapter.dispatch('money_per')(amount, n)) }}{% endmacro %}
{% macro default__money_per(amount, n) -%}
  cast(((cast({{ amount }} * 100 as bigint) * 2 + {{ n }}) // nullif(2 * {{ n }}, 0)) * 0.01 as decimal(18, 2))
{%- endmacro %}
{% macro postgres__money_per(amount, n) -%}
  cast({{ amount }} / nullif({{ n }}, 0) as decimal(18, 2))
{%- endmacro %}

{# Text after the first 13 characters, the length of a time in milliseconds. #}
{% macro after_time(text) %}substring({{ text }}, 14){% endmacro %}
