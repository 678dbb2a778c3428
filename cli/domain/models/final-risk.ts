/**
 * Whether the final projection of a Gold model can fail on a value, such as a cast of the greatest
 * text to a number. Partial rows can always be computed then, and the fault would show only when
 * the row is read, or leaves the state long after its events were committed. So the engine computes
 * the rows of such models before each commit. The others need no such check, and cost nothing.
 */
import { type AstNode, type AstValue, isNode } from '../sql/ast.ts'
import type { IncrementalModel } from './incremental.ts'

/** Operators and functions that give a result for any arguments of their types. */
const TOTAL_FUNCTIONS = new Set([
  ...['+', '-', '/', '||', '~~', '!~~', 'epoch_ms', 'substr', 'length', 'len', 'lower', 'upper'],
  ...['array_to_string', 'list_sort', 'list_distinct', 'greatest', 'least', 'round', 'trim'],
  ...['timezone', 'time_bucket', 'date_trunc', 'getvariable'],
])
const TIME_FUNCTIONS = new Set(['timezone', 'time_bucket', 'date_trunc'])
const TOTAL_CLASSES = ['COLUMN_REF', 'CONSTANT', 'CASE', 'CONJUNCTION', 'COMPARISON', 'BETWEEN']

/** Digits of a decimal that hold any sum within the contract's bounds (docs/adr/0018). */
const SUM_DIGITS_MIN = 18
const WIDE_NUMBERS = ['BIGINT', 'HUGEINT', 'DOUBLE', 'FLOAT']

/** `finals` are the expressions of the final projection, with scalar macros expanded. */
export function mayFinalFail(model: IncrementalModel, finals: readonly AstNode[]): boolean {
  return finals.some((one) => mayFail(model, one))
}

function mayFail(model: IncrementalModel, value: AstValue): boolean {
  if (Array.isArray(value)) return value.some((one) => mayFail(model, one))
  if (!isNode(value)) return false
  if (value.class === 'CAST' && !isTotalCast(model, value)) return true
  if (value.class === 'FUNCTION' && !TOTAL_FUNCTIONS.has(String(value.function_name))) return true
  const kinds = [...TOTAL_CLASSES, 'CAST', 'FUNCTION', 'OPERATOR']
  if (value.class !== undefined && !kinds.includes(String(value.class))) return true
  return Object.values(value).some((one) => mayFail(model, one))
}

/** Casts to text, of counts and sums to wide numbers, and of times to days. */
function isTotalCast(model: IncrementalModel, { child, cast_type, try_cast }: AstNode): boolean {
  const { id, type_info } = cast_type as AstNode // every CAST has both
  if (try_cast === true || id === 'VARCHAR') return true
  if (id === 'DATE' || id === 'TIMESTAMP') return isTime(model, child as AstNode)
  const width = isNode(type_info ?? null) ? Number((type_info as AstNode).width) : 0
  const isWide = WIDE_NUMBERS.includes(String(id)) || (id === 'DECIMAL' && width >= SUM_DIGITS_MIN)
  return isWide && isTotalNumber(model, child as AstNode)
}

/** The start of a session, or a result of a function of time. */
function isTime({ model }: IncrementalModel, node: AstNode): boolean {
  if (node.class === 'FUNCTION') return TIME_FUNCTIONS.has(String(node.function_name))
  return model.kind === 'session' && node.class === 'COLUMN_REF' && readName(node) === 'k1'
}

/** Counts and sums, and what is added up from them. */
function isTotalNumber(model: IncrementalModel, node: AstNode): boolean {
  if (node.class === 'CONSTANT') return true
  if (node.class === 'COLUMN_REF') {
    const column = model.columns.find(({ name }) => name === readName(node))
    return column !== undefined && ['count', 'sum', 'distinct'].includes(column.merge)
  }
  const children = Array.isArray(node.children) ? node.children : []
  const isSum = node.class === 'FUNCTION' && ['+', '-'].includes(String(node.function_name))
  const isFirst = node.type === 'OPERATOR_COALESCE'
  // Children of an expression are expressions.
  return (isSum || isFirst) && children.every((one) => isTotalNumber(model, one as AstNode))
}

function readName({ column_names }: AstNode): string {
  return Array.isArray(column_names) ? String(column_names.at(-1)) : ''
}
