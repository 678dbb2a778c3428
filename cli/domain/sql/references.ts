/** Finds the tables that a SELECT reads. */
import {
  type AstNode,
  asNodes,
  asText,
  isNode,
  readPosition,
  readTextConstant,
  visit,
} from './ast.ts'

/** A table name as written, and the byte offset in the SQL text where it stands. */
export interface TableReference {
  readonly name: string
  readonly at: number | undefined
}

/**
 * The tables that a SELECT reads, each once, in the order of the text. Names passed as text to a
 * table macro, as in session_rows('silver.people', …), are included; names of its own WITH clauses
 * are not.
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
