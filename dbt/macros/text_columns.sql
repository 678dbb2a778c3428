{# Redshift takes VARCHAR without a length for VARCHAR(256) when it creates a table, and refuses longer values.
   Columns of models with a contract, and of seeds, get its longest text instead: what fits into Silver fits
   into a mart. #}

{% macro redshift__get_table_columns_and_constraints() -%}
  {%- do lengthen_texts(model['columns'].values()) -%}
  {{ return(table_columns_and_constraints()) }}
{%- endmacro %}

{% macro redshift__create_csv_table(model, agate_table) -%}
  {%- set types = model['config'].get('column_types', {}) -%}
  {%- for name in types if types[name] == 'varchar' -%}
    {%- do types.update({name: 'varchar(65535)'}) -%}
  {%- endfor -%}
  {{ return(default__create_csv_table(model, agate_table)) }}
{%- endmacro %}

{% macro lengthen_texts(columns) -%}
  {%- for column in columns if column['data_type'] == 'varchar' -%}
    {%- do column.update({'data_type': 'varchar(65535)'}) -%}
  {%- endfor -%}
{%- endmacro %}

{# PostgreSQL gives a column that is computed the type TEXT. For `on_schema_change` it is no other than VARCHAR. #}
{% macro postgres__diff_column_data_types(source_columns, target_columns) -%}
  {%- set changes = [] -%}
  {%- for change in default__diff_column_data_types(source_columns, target_columns) -%}
    {%- set names = [change['new_type'], (target_columns | selectattr('name', 'equalto', change['column_name']) | first).data_type] -%}
    {%- if names | sort != ['character varying', 'text'] -%}{%- do changes.append(change) -%}{%- endif -%}
  {%- endfor -%}
  {{ return(changes) }}
{%- endmacro %}

{% macro redshift__diff_column_data_types(source_columns, target_columns) -%}
  {{ return(default__diff_column_data_types(source_columns, target_columns)) }}
{%- endmacro %}
