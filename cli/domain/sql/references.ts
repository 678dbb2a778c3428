/** Which tables a SELECT reads, from DuckDB's AST. */
import {
  type AstNode,
  asNodes,
  asText,
  isNode,
  readPosition,
  readTextConstant,
  visit,
} from './ast.ts'

/** A table that a SELECT reads, by its name as written, and its place in the SQL text (bytes from 0). */
export interface TableReference {
  readonly name: string
  readonly at: number | undefined
}

/**
 * Tables that a SELECT reads, each once, in the order of the text. Names given as text to a table macro,
 * as in session_rows('silver.people', …), count; names of its own WITH clauses do not.
 */
export function findReferences(statement: AstNode): readonly TableReference[] {
  const own = new Set<string>()
  const tables: AstNode[] = []
  visit(statement, (node) => {
    for (const entry of isNode(node.cte_map) ? asNodes(node.cte_map.map) : [])
      own.add(asText(entry.key).toLowerCase())
    if (node.type === 'BASE_TABLE' || node.type === 'TABLE_FUNCTION') tables.push(node)
  })
  const found = new Map<string, TableReference>()
  const add = (name: string, at: number | undefined): void => {
    if (!found.has(name)) found.set(name, { name, at })
  }
  for (const node of tables) {
    if (node.type === 'BASE_TABLE') {
      const schema = asText(node.schema_name)
      const table = asText(node.table_name)
      if (schema !== '' || !own.has(table.toLowerCase()))
        add(schema === '' ? table : `${schema}.${table}`, readPosition(node))
    } else if (isNode(node.function))
      for (const argument of asNodes(node.function.children)) {
        const name = readTextConstant(argument)
        if (name !== undefined && TABLE_NAME.test(name)) add(name, readPosition(argument))
      }
  }
  return [...found.values()]
}

const TABLE_NAME = /^(raw|bronze|silver|gold)\.\w+$/i
