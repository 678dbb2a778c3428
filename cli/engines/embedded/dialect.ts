/**
 * What the embedded engine runs for a model: a view of its SELECT as written. The QUALIFY that deduplicates
 * is left out, since the engine marks first arrivals in its memory of ids and shows them as fresh_bronze.
 */
import type { CompiledModel, DialectInput, Statement } from '../../core/dialect.ts'
import { type AstNode, type AstValue, astJson, isNode } from '../../core/sql-ast.ts'

/** DuckDB's own printer of `astJson`. */
export type PrintSql = (json: string) => Promise<string>

/** Prints a model for DuckDB, where everything that parses and binds is supported. */
export async function compileEmbedded(
  input: DialectInput,
  printSql: PrintSql,
): Promise<CompiledModel> {
  const { model, ast } = input
  const statements: Statement[] = []
  if (model.dedupe === undefined) statements.push(view(model.name, model.sql))
  if (model.layer === 'bronze') {
    const fresh = await printSql(astJson(reading(ast, 'raw', 'fresh_events')))
    statements.push(view(model.name.replace('bronze.', 'fresh_bronze.'), fresh))
  }
  if (model.dedupe !== undefined) {
    const node = isNode(ast.node) ? ast.node : {}
    const all = { ...ast, node: { ...node, qualify: null } }
    statements.push(view(model.name, await printSql(astJson(reading(all, 'fresh_bronze')))))
  }
  return { statements, notes: [], faults: [] }
}

function view(name: string, sql: string): Statement {
  return { what: 'view', sql: `CREATE VIEW ${name} AS\n${sql}` }
}

/** The same SELECT over another schema (and table). */
function reading(statement: AstNode, schema: string, table?: string): AstNode {
  const node = isNode(statement.node) ? statement.node : {}
  const from: AstValue = isNode(node.from_table)
    ? {
        ...node.from_table,
        schema_name: schema,
        ...(table === undefined ? {} : { table_name: table }),
      }
    : null
  return { ...statement, node: { ...node, from_table: from } }
}
