/** Aggregates by DuckDB's names, where a tree alone must tell them from other functions. */
import { type AstValue, asText, isNode } from './ast.ts'

const AGGREGATES: ReadonlySet<string> = new Set([
  'any_value',
  'arbitrary',
  'arg_max',
  'arg_min',
  'array_agg',
  'avg',
  'bool_and',
  'bool_or',
  'count',
  'count_star',
  'first',
  'last',
  'list',
  'max',
  'max_by',
  'median',
  'min',
  'min_by',
  'mode',
  'quantile_cont',
  'stddev',
  'string_agg',
  'sum',
])

/** Whether an expression has an aggregate in it; one of another name is taken for an ordinary function. */
export function callsAggregate(value: AstValue): boolean {
  if (Array.isArray(value)) return value.some(callsAggregate)
  if (!isNode(value)) return false
  if (value.class === 'FUNCTION' && AGGREGATES.has(asText(value.function_name))) return true
  return Object.values(value).some(callsAggregate)
}
