{# Who did it, in the words that several models share. docs/adr/0019-identity-and-orders.md has the definition. #}

{# The id, or null where it is one of the placeholders of ccs.yml (identity.placeholder_ids): "undefined" and its
   like are nobody, and would make one visitor of all who have no id. #}
{% macro known_id(id) -%}
  {%- set placeholders = var('placeholder_ids') -%}
  {%- if placeholders | length == 0 -%}
    {{ id }}
  {%- else -%}
    case when lower({{ trimmed(id) }}) not in (
      {%- for one in placeholders -%}
        '{{ one | lower | replace("'", "''") }}'{{ ', ' if not loop.last }}
      {%- endfor -%}
    ) then {{ id }} end
  {%- endif -%}
{%- endmacro %}
