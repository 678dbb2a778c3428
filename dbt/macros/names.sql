{# Views must not name the warehouse's file: the published copy has another name. #}
{% macro ref() %}
  {%- set relation = builtins.ref(*varargs, **kwargs) -%}
  {%- if target.type == 'duckdb' and relation.include is defined -%}
    {%- set relation = relation.include(database=false) -%}
  {%- endif -%}
  {{ return(relation) }}
{% endmacro %}
