/** Builds nodes of DuckDB's AST, with the fields that json_deserialize_sql requires. */
import type { AstNode } from './ast.ts'

/** A column by its bare name. */
export function makeColumnNode(name: string): AstNode {
  return { class: 'COLUMN_REF', type: 'COLUMN_REF', alias: '', column_names: [name] }
}

/** A function call; `name` as the AST has it, such as `count_star` for count(*). */
export function makeCallNode(name: string, children: readonly AstNode[], alias: string): AstNode {
  return {
    class: 'FUNCTION',
    type: 'FUNCTION',
    alias,
    function_name: name,
    schema: '',
    children,
    filter: null,
    order_bys: { type: 'ORDER_MODIFIER', orders: [] },
    distinct: false,
    is_operator: false,
    export_state: false,
    catalog: '',
  }
}

/** A table in FROM; `schema` is '' for a name without one. */
export function makeTableNode(schema: string, name: string, alias = ''): AstNode {
  return {
    type: 'BASE_TABLE',
    alias,
    sample: null,
    schema_name: schema,
    table_name: name,
    column_name_alias: [],
    catalog_name: '',
    at_clause: null,
  }
}
