/**
 * Converts DuckDB's AST of a SELECT into the typed tree of tree.ts. Forms that DuckDB expands
 * (intervals, booleans, CASE x WHEN) become simple again.
 */

import {
  type AstNode,
  type AstValue,
  asNode,
  asNodes,
  asText,
  asTexts,
  isNode,
  readPosition,
  readTextConstant,
} from './ast.ts'
import { readIntervalMs, readLiteral } from './read-literal.ts'
import {
  type BinaryOp,
  type Expr,
  type FromClause,
  hasAggregate,
  type Select,
  type SelectItem,
} from './tree.ts'
import { readType } from './types.ts'

/**
 * The tree of a statement that parseSelect returned. GROUP BY ALL, ordinals and aliases become
 * expressions.
 */
export function readSelect(statement: AstNode): Select {
  const node = asNode(statement.node)
  if (node.type !== 'SELECT_NODE')
    return {
      items: [],
      from: { is: 'none' },
      where: undefined,
      groupBy: [],
      qualify: undefined,
      unsupported: [{ what: setOperation(node), at: undefined }],
    }
  const items = asNodes(node.select_list).map(readItem)
  const written = asNodes(node.group_expressions).map(readExpr)
  const isAll = node.aggregate_handling === 'FORCE_AGGREGATES'
  return {
    items,
    from: readFrom(asNode(node.from_table)),
    where: optional(node.where_clause),
    groupBy: isAll
      ? items.filter((one) => !hasAggregate(one.expr)).map((one) => one.expr)
      : written.map((one) => resolveGroup(one, items)),
    qualify: optional(node.qualify),
    unsupported: readUnsupportedParts(node),
  }
}

function setOperation(node: AstNode): string {
  return asText(node.setop_type) || asText(node.type)
}

function readUnsupportedParts(node: AstNode): { what: string; at: number | undefined }[] {
  const found: { what: string; at: number | undefined }[] = []
  const having = node.having ?? null
  if (isNode(having)) found.push({ what: 'HAVING', at: readPosition(having) })
  for (const modifier of asNodes(node.modifiers)) {
    const what = asText(modifier.type).replace('_MODIFIER', '')
    const [order] = asNodes(modifier.orders)
    const at = order === undefined ? undefined : readPosition(asNode(order.expression))
    found.push({ what: what === 'ORDER' ? 'ORDER BY' : what, at })
  }
  const ctes = asNodes(asNode(node.cte_map).map)
  if (ctes.length > 0) found.push({ what: 'WITH', at: undefined })
  return found
}

function resolveGroup(expr: Expr, items: readonly SelectItem[]): Expr {
  if (expr.is === 'literal' && expr.type.is === 'INTEGER')
    return items[Number(expr.text) - 1]?.expr ?? expr
  if (expr.is === 'column' && expr.path.length === 1) {
    const [name] = expr.path
    const item = items.find((one) => one.name === name)
    if (item !== undefined && item.expr.is !== 'column' && !hasAggregate(item.expr))
      return item.expr
  }
  return expr
}

function readItem(node: AstNode): SelectItem {
  const expr = readExpr(node)
  const alias = asText(node.alias)
  return { expr, name: alias !== '' ? alias : outputName(expr) }
}

function outputName(expr: Expr): string {
  if (expr.is === 'column') return expr.path.at(-1) ?? ''
  if (expr.is === 'field') return expr.name
  return expr.is === 'call' ? expr.name : ''
}

function readFrom(node: AstNode): FromClause {
  const at = readPosition(node)
  switch (node.type) {
    case 'EMPTY':
      return { is: 'none' }
    case 'BASE_TABLE': {
      const schema = asText(node.schema_name)
      const table = asText(node.table_name)
      const name = schema === '' ? table : `${schema}.${table}`
      return { is: 'table', name, alias: asText(node.alias), at }
    }
    case 'JOIN':
      return {
        is: 'join',
        // Printers support plain joins only; NATURAL, ASOF and so on show up as a type that they
        // reject.
        type: node.ref_type === 'REGULAR' ? asText(node.join_type) : asText(node.ref_type),
        left: readFrom(asNode(node.left)),
        right: readFrom(asNode(node.right)),
        on: optional(node.condition),
        using: asTexts(node.using_columns),
        at,
      }
    case 'SUBQUERY':
      return { is: 'select', select: readSelect(asNode(node.subquery)) }
    case 'TABLE_FUNCTION': {
      const call = asNode(node.function)
      const name = asText(call.function_name)
      const [first] = asNodes(call.children)
      const table = first === undefined ? undefined : readTextConstant(first)
      if (name === 'session_rows' && table !== undefined) return { is: 'sessions', name: table, at }
      return { is: 'other', what: `${name}(…) in FROM`, at }
    }
    default:
      return { is: 'other', what: asText(node.type), at }
  }
}

const COMPARISONS: Readonly<Record<string, BinaryOp>> = {
  COMPARE_EQUAL: '=',
  COMPARE_NOTEQUAL: '<>',
  COMPARE_LESSTHAN: '<',
  COMPARE_LESSTHANOREQUALTO: '<=',
  COMPARE_GREATERTHAN: '>',
  COMPARE_GREATERTHANOREQUALTO: '>=',
}

const OPERATORS: Readonly<Record<string, BinaryOp>> = {
  '+': '+',
  '-': '-',
  '*': '*',
  '/': '/',
  '//': '//',
  '%': '%',
  '||': '||',
  '~~': 'LIKE',
  '!~~': 'NOT LIKE',
}

/**
 * The tree of one expression. Forms without a node type of their own become `other`, which printers
 * reject.
 */
export function readExpr(node: AstNode): Expr {
  const at = readPosition(node)
  switch (node.class) {
    case 'COLUMN_REF':
      return { is: 'column', path: asTexts(node.column_names), at }
    case 'CONSTANT':
      return readLiteral(asNode(node.value), at)
    case 'FUNCTION':
      return readCall(node, at)
    case 'COMPARISON': {
      const op = COMPARISONS[asText(node.type)]
      if (op === undefined) return other(node, at)
      return binary(op, readExpr(asNode(node.left)), readExpr(asNode(node.right)), at)
    }
    case 'CONJUNCTION': {
      const op = node.type === 'CONJUNCTION_AND' ? 'AND' : 'OR'
      const [first, ...rest] = asNodes(node.children).map(readExpr)
      return first === undefined
        ? other(node, at)
        : rest.reduce((left, right) => binary(op, left, right, at), first)
    }
    case 'OPERATOR':
      return readOperator(node, at)
    case 'CASE':
      return readCase(node, at)
    case 'CAST':
      return readCast(node, at)
    case 'BETWEEN': {
      const input = readExpr(asNode(node.input))
      const lower = binary('>=', input, readExpr(asNode(node.lower)), at)
      const upper = binary('<=', input, readExpr(asNode(node.upper)), at)
      return binary('AND', lower, upper, at)
    }
    case 'STAR': {
      const excluded = asTexts(node.exclude_list)
      const isPlain = node.columns !== true && asNodes(node.replace_list).length === 0
      return isPlain ? { is: 'star', excluded, at } : other(node, at)
    }
    case 'WINDOW': {
      const partition = asNodes(node.partitions).map(readExpr)
      const order = asNodes(node.orders).map((one) => readExpr(asNode(one.expression)))
      return { is: 'window', name: asText(node.function_name), partition, order, at }
    }
    default:
      return other(node, at)
  }
}

function readCall(node: AstNode, at: number | undefined): Expr {
  const name = asText(node.function_name).toLowerCase()
  const args = asNodes(node.children).map(readExpr)
  const [first, second] = args
  const op = node.is_operator === true ? OPERATORS[name] : undefined
  if (op !== undefined && first !== undefined && second !== undefined)
    return binary(op, first, second, at)
  if (node.is_operator === true && name === '-' && first !== undefined)
    return { is: 'unary', op: '-', of: first, at }
  const ms = readIntervalMs(name, first)
  if (ms !== undefined) return { is: 'interval', ms, at }
  const filter = optional(node.filter)
  return { is: 'call', name, args, distinct: node.distinct === true, filter, at }
}

function readOperator(node: AstNode, at: number | undefined): Expr {
  const children = asNodes(node.children).map(readExpr)
  const [first, ...rest] = children
  if (first === undefined) return other(node, at)
  const inner = at ?? first.at
  switch (node.type) {
    case 'OPERATOR_NOT':
      return { is: 'unary', op: 'NOT', of: first, at: inner }
    case 'OPERATOR_IS_NULL':
      return { is: 'unary', op: 'IS NULL', of: first, at: inner }
    case 'OPERATOR_IS_NOT_NULL':
      return { is: 'unary', op: 'IS NOT NULL', of: first, at: inner }
    case 'OPERATOR_COALESCE':
      return {
        is: 'call',
        name: 'coalesce',
        args: children,
        distinct: false,
        filter: undefined,
        at: inner,
      }
    case 'COMPARE_IN':
    case 'COMPARE_NOT_IN':
      return { is: 'in', of: first, list: rest, isNot: node.type === 'COMPARE_NOT_IN', at: inner }
    case 'STRUCT_EXTRACT': {
      const name = rest[0]?.is === 'literal' ? rest[0].text : undefined
      return name === undefined ? other(node, at) : { is: 'field', of: first, name, at: inner }
    }
    case 'ARRAY_EXTRACT': {
      const [index] = rest
      return index === undefined ? other(node, at) : { is: 'index', of: first, index, at: inner }
    }
    default:
      return other(node, inner)
  }
}

function readCase(node: AstNode, at: number | undefined): Expr {
  const whens = asNodes(node.case_checks).map((one) => ({
    when: readExpr(asNode(one.when_expr)),
    // biome-ignore lint/suspicious/noThenProperty: SQL's word; nothing awaits this object.
    then: readExpr(asNode(one.then_expr)),
  }))
  const otherwise = readExpr(asNode(node.else_expr))
  const isNull = otherwise.is === 'literal' && otherwise.text === undefined
  return { is: 'case', whens, otherwise: isNull ? undefined : otherwise, at }
}

function readCast(node: AstNode, at: number | undefined): Expr {
  const to = readType(asNode(node.cast_type))
  const of = readExpr(asNode(node.child))
  if (to === undefined) return other(node, at)
  // DuckDB writes TRUE and FALSE as CAST('t' AS BOOLEAN) and CAST('f' AS BOOLEAN).
  if (to.is === 'BOOLEAN' && of.is === 'literal' && (of.text === 't' || of.text === 'f'))
    return { is: 'literal', type: to, text: of.text === 't' ? 'true' : 'false', at: at ?? of.at }
  return { is: 'cast', to, of, isTry: node.try_cast === true, at: at ?? of.at }
}

function binary(op: BinaryOp, left: Expr, right: Expr, at: number | undefined): Expr {
  return { is: 'binary', op, left, right, at: at ?? left.at }
}

function other(node: AstNode, at: number | undefined): Expr {
  return { is: 'other', what: asText(node.type).toLowerCase().replaceAll('_', ' '), at }
}

function optional(value: AstValue | undefined): Expr | undefined {
  return isNode(value) ? readExpr(value) : undefined
}
