/**
 * Rewrites a model's SELECT, on DuckDB's AST, into queries about one of its rows: which source rows
 * are behind it, what each event contributes, and the same SELECT over other source rows.
 */
import type { GraphModel } from '../models/graph.ts'
import { type AstNode, asNode, asNodes, asText, mapAst } from '../sql/ast.ts'
import { makeColumnNode } from '../sql/build-ast.ts'
import { expandMacros, type MacroSet } from '../sql/expand-macros.ts'

/** DuckDB's parser and printer. */
export interface AstConverter {
  parse(sql: string): Promise<AstNode>
  print(statement: AstNode): Promise<string>
}

/** SELECTs of a model over given source rows, which are passed in as a SELECT. */
export interface ModelSql {
  readonly graphModel: GraphModel
  /** The model it reads. */
  readonly source: string
  /** The model's rows. */
  rows(source: string): string
  /** The source rows behind each row, with the model's key as `_key0`, `_key1` … */
  sourceRows(source: string): string
  /**
   * The model's columns for each event by itself, plus `event_id`; undefined for a model of rows.
   */
  readonly perEvent: ((source: string) => string) | undefined
}

const HERE = '_source'

/** Only the first table that a model reads is traced. */
export async function buildModelSql(
  one: GraphModel,
  macros: MacroSet,
  text: AstConverter,
): Promise<ModelSql> {
  const source = one.reads[0] ?? ''
  // session_rows is expanded, so that the relation inside it can be replaced.
  const whole = expandMacros(one.ast, macros, ({ isTable }) => isTable)
  const own = replaceTable(whole, source)
  const node = own.node as AstNode // json_serialize_sql puts the SELECT here
  const over = (body: string) => (rows: string) =>
    `WITH ${HERE} AS (${rows}) SELECT * FROM (${body})`
  const star = asNodes(((await text.parse('SELECT *')).node as AstNode).select_list)
  const keys = one.model.key.map((name, index) => ({
    ...findItem(asNodes(node.select_list), name),
    alias: `_key${index}`,
  }))
  const detail = {
    ...own,
    node: { ...node, select_list: [...star, ...keys], group_expressions: [], group_sets: [] },
  }
  const groups = asNodes(node.group_expressions)
  const event = asNodes(((await text.parse('SELECT event_id')).node as AstNode).select_list)
  const perEvent = {
    ...own,
    node: {
      ...node,
      select_list: [...asNodes(node.select_list), ...event],
      group_expressions: [...groups, ...event],
      group_sets: [[...groups, ...event].map((_, index) => index)],
    },
  }
  const isGrouped = one.model.kind === 'window' || one.model.kind === 'session'
  return {
    graphModel: one,
    source,
    rows: over(await text.print(own)),
    sourceRows: over(await text.print(detail)),
    perEvent: isGrouped ? over(await text.print(perEvent)) : undefined,
  }
}

/** The select item of that name. */
function findItem(items: readonly AstNode[], name: string): AstNode {
  const found = items.find((item) => {
    const path = item.class === 'COLUMN_REF' ? item.column_names : undefined
    const own = Array.isArray(path) ? String(path.at(-1)) : ''
    return asText(item.alias) === name || (asText(item.alias) === '' && own === name)
  })
  // A column that comes through a star is a column of the source.
  return found ?? makeColumnNode(name)
}

function replaceTable(statement: AstNode, name: string): AstNode {
  const changed = mapAst(statement, (node) => {
    if (node.type !== 'BASE_TABLE') return node
    const found = `${asText(node.schema_name)}.${asText(node.table_name)}`
    if (found !== name) return node
    // Columns may be qualified by the table's name, so it stays as the alias.
    const alias = asText(node.alias) === '' ? asText(node.table_name) : node.alias
    return { ...node, schema_name: '', table_name: HERE, alias: alias ?? '' }
  })
  return asNode(changed)
}
