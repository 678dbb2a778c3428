/**
 * Finds which expression of a model's SELECT fails on the rows that are loaded. DuckDB's errors
 * while a query runs name no place in its text. TRY_CAST and TRY(…) turn an error into NULL: the
 * innermost expression with which the query succeeds once it is wrapped so is the one that fails.
 * Around an aggregate DuckDB allows no TRY; then it is the column that the query succeeds without.
 */
import type { Location } from '../kernel/errors.ts'
import { quoteText } from '../kernel/sql-text.ts'
import { type GraphModel, toSelectSource } from '../models/graph.ts'
import {
  type AstNode,
  type AstValue,
  asNode,
  asNodes,
  asText,
  dropPositions,
  isNode,
  locate,
  mapAst,
  parseSelect,
  readPosition,
  renderAst,
  visit,
} from '../sql/ast.ts'
import type { QueryResult } from '../sql/query-result.ts'

/** An expression of a model and where it stands. */
export interface PlacedExpression {
  /** As DuckDB prints it, such as `CAST(tax AS INTEGER)`. */
  readonly sql: string
  readonly location: Location
}

type RunQuery = (sql: string) => Promise<QueryResult>

/** Undefined if no single expression is at fault, such as a join that needs too much memory. */
export async function findFailingExpression(
  one: Pick<GraphModel, 'model' | 'ast'>,
  query: RunQuery,
): Promise<PlacedExpression | undefined> {
  const tried = new Set<string>()
  for (const node of listCalculations(one.ast)) {
    const key = nameExpression(node)
    if (tried.has(key)) continue
    tried.add(key)
    // Equal expressions are wrapped together: those of SELECT and GROUP BY must stay equal.
    const wrapped = mapAst(one.ast, (each) => (nameExpression(each) === key ? wrap(each) : each))
    if (!(await succeeds(asNode(wrapped), query))) continue
    return placeExpression(one, node, query)
  }
  const select = asNode(one.ast.node)
  const items = asNodes(select.select_list)
  for (const [index, item] of items.entries()) {
    if (!CALCULATIONS.has(asText(item.class))) continue
    const select_list = items.with(index, { ...NULL_NODE, alias: item.alias ?? '' })
    if (await succeeds({ ...one.ast, node: { ...select, select_list } }, query))
      return placeExpression(one, item, query)
  }
  return undefined
}

const NULL_NODE: AstNode = {
  class: 'CONSTANT',
  type: 'VALUE_CONSTANT',
  value: { type: { id: 'NULL', type_info: null }, is_null: true },
}

/** The column of the model's own SELECT with this name, and where it stands; undefined: none. */
export async function placeColumn(
  one: Pick<GraphModel, 'model' | 'ast'>,
  name: string,
  query: RunQuery,
): Promise<PlacedExpression | undefined> {
  const items = asNodes(asNode(one.ast.node).select_list)
  const item = items.find((each) => {
    const path = Array.isArray(each.column_names) ? each.column_names : []
    return (asText(each.alias) || path.at(-1)) === name
  })
  return item && placeExpression(one, { ...item, alias: '' }, query)
}

/** Calls, casts and operators that stand in the text, the inner ones before the outer. */
function listCalculations(ast: AstNode): readonly AstNode[] {
  const found: AstNode[] = []
  const walk = (value: AstValue): void => {
    if (Array.isArray(value)) for (const one of value) walk(one)
    if (!isNode(value)) return
    for (const key of Object.keys(value)) walk(value[key] ?? null)
    if (CALCULATIONS.has(asText(value.class))) found.push(value)
  }
  walk(ast)
  return found
}

const CALCULATIONS = new Set(['FUNCTION', 'CAST', 'OPERATOR', 'CASE', 'WINDOW'])

/** The same for equal expressions, whatever their place and alias. */
function nameExpression(node: AstNode): string {
  if (!CALCULATIONS.has(asText(node.class))) return ''
  return JSON.stringify(dropPositions({ ...node, alias: '' }))
}

function wrap(node: AstNode): AstNode {
  if (node.class === 'CAST') return { ...node, try_cast: true }
  const children = [{ ...node, alias: '' }]
  return { class: 'OPERATOR', type: 'OPERATOR_TRY', alias: node.alias ?? '', children }
}

async function succeeds(statement: AstNode, query: RunQuery): Promise<boolean> {
  try {
    await query(`SELECT sum(hash(_row)) AS hashes FROM (${await print(statement, query)}) AS _row`)
    return true
  } catch {
    // DuckDB allows no TRY in this place, or another expression fails.
    return false
  }
}

async function print(statement: AstNode, query: RunQuery): Promise<string> {
  const json = quoteText(renderAst(statement))
  const { rows } = await query(`SELECT json_deserialize_sql(${json}::JSON) AS sql`)
  return String(rows[0]?.sql).replace(/;\s*$/, '')
}

async function placeExpression(
  { model }: Pick<GraphModel, 'model'>,
  node: AstNode,
  query: RunQuery,
): Promise<PlacedExpression> {
  const source = toSelectSource(model)
  const statement = await parseSelect({ ...source, sql: 'SELECT 1' }, async (sql) => {
    const { rows } = await query(
      `SELECT CAST(json_serialize_sql(${quoteText(sql)}) AS VARCHAR) AS ast`,
    )
    return String(rows[0]?.ast)
  })
  const select_list = [{ ...node, alias: '' }]
  const bare = { ...statement, node: { ...asNode(statement.node), select_list } }
  const sql = (await print(bare, query)).replace(/^SELECT /, '')
  return { sql, location: locate(source, findFirstPosition(node)) }
}

function findFirstPosition(node: AstNode): number | undefined {
  let first: number | undefined
  visit(node, (one) => {
    const at = readPosition(one)
    if (at !== undefined && (first === undefined || at < first)) first = at
  })
  return first
}
