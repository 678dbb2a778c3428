/** Which tables a SELECT reads, from DuckDB's AST. */
import { type AstNode, constantText, isNode, nodes, positionOf, textOf, visit } from './ast.ts'

/** A table that a SELECT reads, by its name as written, and its place in the SQL text (bytes from 0). */
export interface Reference {
  readonly name: string
  readonly at: number | undefined
}

/**
 * Tables that a SELECT reads, each once, in the order of the text. Names given as text to a table macro,
 * as in session_rows('silver.people', …), count; names of its own WITH clauses do not.
 */
export function references(statement: AstNode): readonly Reference[] {
  const own = new Set<string>()
  const tables: AstNode[] = []
  visit(statement, (node) => {
    for (const entry of isNode(node.cte_map) ? nodes(node.cte_map.map) : [])
      own.add(textOf(entry.key).toLowerCase())
    if (node.type === 'BASE_TABLE' || node.type === 'TABLE_FUNCTION') tables.push(node)
  })
  const found = new Map<string, Reference>()
  const add = (name: string, at: number | undefined): void => {
    if (!found.has(name)) found.set(name, { name, at })
  }
  for (const node of tables) {
    if (node.type === 'BASE_TABLE') {
      const schema = textOf(node.schema_name)
      const table = textOf(node.table_name)
      if (schema !== '' || !own.has(table.toLowerCase()))
        add(schema === '' ? table : `${schema}.${table}`, positionOf(node))
    } else if (isNode(node.function))
      for (const argument of nodes(node.function.children)) {
        const name = constantText(argument)
        if (name !== undefined && TABLE_NAME.test(name)) add(name, positionOf(argument))
      }
  }
  return [...found.values()]
}

const TABLE_NAME = /^(raw|bronze|silver|gold)\.\w+$/i
