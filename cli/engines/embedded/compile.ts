/**
 * Compiles models for the embedded engine. A stream model becomes a view; the QUALIFY of the one
 * that deduplicates is replaced by the engine's dedupe index. A window or session model becomes
 * queries for partial, merged and final rows.
 */

import type { DuckConnection } from '../../adapters/duckdb/duckdb.ts'
import { deserializeSql } from '../../adapters/duckdb/sql-ast.ts'
import { mayFinalFail } from '../../domain/models/final-risk.ts'
import { followReads } from '../../domain/models/follow-reads.ts'
import type { GraphModel } from '../../domain/models/graph.ts'
import { isAggregateMacro, makeIncremental } from '../../domain/models/incremental.ts'
import { type AstNode, asNodes, renderAst } from '../../domain/sql/ast.ts'
import { expandMacros, type MacroSet } from '../../domain/sql/expand-macros.ts'
import type { GoldSql } from './gold/gold-sql.ts'
import type { DeltaModel } from './query/catalog.ts'

/** A model and the SQL that the engine runs for it. */
export interface EmbeddedModel extends DeltaModel {
  /** Names of the models and sources that the SELECT reads. */
  readonly reads: readonly string[]
  /** Only of window and session models. */
  readonly gold?: GoldSql
}

/** Compiles all models of a graph, in its order. */
export async function compileModels(
  connection: DuckConnection,
  graph: readonly GraphModel[],
  macros: MacroSet,
): Promise<readonly EmbeddedModel[]> {
  const compiled: EmbeddedModel[] = []
  const print: PrintSql = (json) => deserializeSql(connection, json)
  for (const one of graph)
    compiled.push({
      model: one.model,
      reads: one.reads,
      ...(await compileModel(one, macros, print)),
    })
  return compiled
}

/** The models before and after one of them; without it, all count as before. */
export function splitAround(
  models: readonly EmbeddedModel[],
  middle: EmbeddedModel | undefined,
): { readonly before: readonly EmbeddedModel[]; readonly after: readonly EmbeddedModel[] } {
  if (!middle) return { before: models, after: [] }
  const at = models.indexOf(middle)
  return { before: models.slice(0, at), after: models.slice(at + 1) }
}

/** The models whose stored rows the SELECT of a model reads, directly or through views. */
export function listStoredSources(
  models: readonly EmbeddedModel[],
  name: string,
): ReadonlySet<string> {
  const byName = new Map(models.map((one) => [one.model.name, one]))
  return followReads(byName.get(name)?.reads ?? [], (read) => {
    const one = byName.get(read)
    return one?.model.kind === 'view' ? one.reads : []
  })
}

/** Prints the JSON of an AST as SQL, by DuckDB's own printer. */
export type PrintSql = (json: string) => Promise<string>

/** The SQL that the engine runs for one model. */
export async function compileModel(
  { model, ast }: Pick<GraphModel, 'model' | 'ast'>,
  macros: MacroSet,
  print: PrintSql,
): Promise<{ readonly sql: string; readonly freshSql?: string; readonly gold?: GoldSql }> {
  if (model.kind === 'window' || model.kind === 'session') {
    const incremental = makeIncremental(model, expandMacros(ast, macros, isAggregateMacro))
    const partial = await print(renderAst(incremental.partial))
    const final = await print(renderAst(incremental.final))
    const keyed = await print(renderAst(incremental.finalWithKeys))
    const mayFail = mayFinalFail(incremental, readFinals(expandMacros(incremental.final, macros)))
    return { sql: model.sql, gold: { incremental, partial, final, keyed, mayFail } }
  }
  if (model.layer === 'bronze') {
    const freshSql = await print(renderAst(withRowNumber(withSource(ast, 'raw', 'fresh_events'))))
    return { sql: model.sql, freshSql }
  }
  if (!model.dedupe) return { sql: model.sql }
  const node = ast.node as AstNode // json_serialize_sql puts the SELECT here
  const first = { ...ast, node: { ...node, qualify: null } }
  return { sql: await print(renderAst(withRowNumber(withSource(first, 'fresh_bronze')))) }
}

function readFinals(final: AstNode): readonly AstNode[] {
  return asNodes((final.node as AstNode).select_list) // json_serialize_sql puts the SELECT here
}

/** The same SELECT over another schema (and table). */
function withSource(statement: AstNode, schema: string, table?: string): AstNode {
  const node = statement.node as AstNode // json_serialize_sql puts the SELECT here
  const from = node.from_table as AstNode // bronze and a deduplicating model read one base table
  return {
    ...statement,
    node: {
      ...node,
      from_table: { ...from, schema_name: schema, ...(table ? { table_name: table } : {}) },
    },
  }
}

/** The same SELECT with the row number as a further column. */
function withRowNumber(statement: AstNode): AstNode {
  const node = statement.node as AstNode // json_serialize_sql puts the SELECT here
  const seq = { class: 'COLUMN_REF', type: 'COLUMN_REF', alias: '', column_names: ['seq'] }
  return { ...statement, node: { ...node, select_list: [...asNodes(node.select_list), seq] } }
}
