/** Tells aggregates from other functions by DuckDB's names, as the AST does not mark them. */
import { type AstValue, asText, isNode } from './ast.ts'

const AGGREGATES: ReadonlySet<string> = new Set([
  ...['any_value', 'approx_count_distinct', 'arbitrary', 'arg_max', 'arg_min', 'array_agg', 'avg'],
  ...['bool_and', 'bool_or', 'count', 'count_star', 'first', 'last', 'list', 'max', 'max_by'],
  ...[
    'median',
    'min',
    'min_by',
    'mode',
    'quantile_cont',
    'stddev',
    'string_agg',
    'sum',
    'variance',
  ],
])

/** Whether a function of this name, in lower case, aggregates; an unlisted one does not. */
export function isAggregate(name: string): boolean {
  return AGGREGATES.has(name)
}

/** Whether an aggregate is called anywhere in the tree. */
export function callsAggregate(value: AstValue): boolean {
  if (Array.isArray(value)) return value.some(callsAggregate)
  if (!isNode(value)) return false
  if (value.class === 'FUNCTION' && isAggregate(asText(value.function_name))) return true
  return Object.values(value).some(callsAggregate)
}
