{# Incremental models of this project replace whole days: all rows from one day on are deleted and rebuilt,
   in one transaction. This also removes rows that a late event makes obsolete (two sessions become one); a
   delete by key would leave them behind. A model declares in its config.meta
     day:   its column of days
     reach: how many days before `since` a changed event can change a row of it. #}

{# First day, as text, that this run replaces: from the var `since` (or CCS_SINCE: a changed environment
   variable leaves dbt's parsed project valid, a changed var does not), else by looking back. #}
{% macro replaced_from() %}
  {%- if not execute -%}{{ return('1900-01-01') }}{%- endif -%}
  {%- set meta = config.get('meta') -%}
  {%- set since = (var('since', none) or env_var('CCS_SINCE', '')) | string -%}
  {%- if since in ('', 'null', 'None') -%}
    {%- set latest -%}
      select cast(coalesce(max({{ meta.day }}) - {{ var('look_back_days') }}, date '1900-01-01') as varchar)
      from {{ this }}
    {%- endset -%}
    {%- set since = run_query(latest).columns[0].values()[0] -%}
  {%- endif -%}
  {{ return(days_before(since, meta.reach)) }}
{% endmacro %}

{# A day as text, some days earlier. #}
{% macro days_before(day, days) %}
  {%- set date = modules.datetime.date.fromisoformat(day[:10]) - modules.datetime.timedelta(days=days) -%}
  {{ return(date.isoformat()) }}
{% endmacro %}

{% macro get_incremental_replace_from_sql(arguments) %}
  {%- set columns = get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) -%}
  delete from {{ arguments['target_relation'] }}
  where {{ config.get('meta').day }} >= date '{{ replaced_from() }}';
  insert into {{ arguments['target_relation'] }} ({{ columns }})
  select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}
