/**
 * Which columns of the models have values of a field of events: unlike column lineage, which asks
 * what a column depends on. A number of visitors depends on their ids, but is none. All that only
 * decides, compares or counts is taken out of a SELECT, and the lineage of the rest is traced.
 */
import { type AstNode, type AstValue, asNode, asNodes, asText, isNode } from '../sql/ast.ts'
import { expandMacros, type MacroSet } from '../sql/expand-macros.ts'
import { traceSelect } from './column-lineage.ts'
import type { ColumnSources, Lineage } from './column-sources.ts'
import type { SortedModel } from './graph.ts'

/** Finds the fields whose values a column may have, whole or as a part; names in any case. */
export type FieldsOfColumn = (model: string, column: string) => ColumnSources

/** `fields` are the columns of raw.events; `models` come after those that they read. */
export function traceValues(
  models: readonly Pick<SortedModel, 'model' | 'ast'>[],
  macros: MacroSet,
  fields: readonly string[],
): FieldsOfColumn {
  const names = fields.map((name) => name.toLowerCase())
  const raw: Lineage = {
    columns: new Map(names.map((name) => [name, new Set([name])])),
    rows: new Set(),
  }
  const known = new Map<string, Lineage>([['raw.events', raw]])
  for (const { model, ast } of models) {
    const values = keepValues(expandMacros(ast, macros, () => true))
    known.set(
      model.name.toLowerCase(),
      traceSelect(asNode(values), (table) => known.get(table)),
    )
  }
  return (model, column) => {
    const lineage = known.get(model.toLowerCase())
    return lineage?.columns.get(column.toLowerCase()) ?? lineage?.unlisted ?? new Set()
  }
}

/** Their result is a number, however many values they get. */
const COUNTING: ReadonlySet<string> = new Set([
  ...['count', 'count_star', 'approx_count_distinct', 'sum', 'avg', 'mean', 'median', 'variance'],
  ...['stddev', 'quantile_cont', 'length', 'len', 'strlen', 'array_length', 'cardinality'],
  ...['list_sum', 'list_count', 'epoch', 'epoch_ms', 'row_number', 'rank', 'dense_rank', 'ntile'],
])

/** Of these, only the first argument is a value; the other one chooses it. */
const CHOOSING: ReadonlySet<string> = new Set([
  ...['arg_max', 'arg_min', 'argmax', 'argmin', 'max_by', 'min_by', 'nullif'],
])

/** Parts that decide which rows there are, and in which order. */
const DECIDING: ReadonlySet<string> = new Set([
  ...['where_clause', 'having', 'qualify', 'modifiers', 'group_expressions', 'group_sets'],
  ...['condition', 'using_columns', 'filter', 'filter_expr', 'order_bys', 'orders', 'partitions'],
])

/** The tree without what only decides, compares or counts. */
function keepValues(value: AstValue): AstValue {
  if (Array.isArray(value)) return value.map(keepValues)
  if (!isNode(value)) return value
  if (value.type === 'TABLE_FUNCTION') return keepTable(value)
  if (isDecision(value)) return dropValue(value)
  if (value.class === 'CASE') {
    const chosen = asNodes(value.case_checks).map((one) => one.then_expr ?? null)
    return keepChildren({ ...value, case_checks: chosen })
  }
  if (value.class !== 'FUNCTION' && value.class !== 'WINDOW') return keepChildren(value)
  const name = asText(value.function_name).toLowerCase()
  if (COUNTING.has(name)) return dropValue(value)
  const children = asNodes(value.children)
  return keepChildren({ ...value, children: CHOOSING.has(name) ? children.slice(0, 1) : children })
}

function keepChildren(node: AstNode): AstNode {
  const kept = Object.entries(node).filter(([name]) => !DECIDING.has(name))
  return Object.fromEntries(kept.map(([name, one]) => [name, keepValues(one)]))
}

/** The result is true or false. */
function isDecision(node: AstNode): boolean {
  const type = asText(node.type)
  if (node.class === 'OPERATOR')
    return type.startsWith('COMPARE_') || /^OPERATOR_(NOT|IS_NULL|IS_NOT_NULL)$/.test(type)
  if (node.class === 'SUBQUERY') return asText(node.subquery_type) !== 'SCALAR'
  return ['COMPARISON', 'CONJUNCTION', 'BETWEEN'].includes(asText(node.class))
}

/** A constant under the same name. */
function dropValue(node: AstNode): AstNode {
  return { class: 'CONSTANT', alias: node.alias ?? '' }
}

/** query_table('silver.people') is that table. */
function keepTable(node: AstNode): AstNode {
  const call = asNode(node.function)
  const [argument] = asNodes(call.children)
  const name = argument && asText(asNode(argument.value).value)
  if (asText(call.function_name) !== 'query_table' || !name) return keepChildren(node)
  const [schema = '', table = ''] = name.includes('.') ? name.split('.') : ['', name]
  return { type: 'BASE_TABLE', alias: node.alias ?? '', schema_name: schema, table_name: table }
}
