/**
 * Makes the typed tree of a SELECT from DuckDB's AST. Forms that DuckDB writes in a roundabout way
 * (intervals, booleans, CASE x WHEN) come out plain again.
 */

import {
  type AstNode,
  type AstValue,
  constantText,
  isNode,
  nodes,
  positionOf,
  textOf,
} from './ast.ts'
import { intervalMs, literalTree } from './read-literal.ts'
import {
  type BinaryOp,
  type Expr,
  type From,
  hasAggregate,
  type Item,
  type Select,
} from './tree.ts'
import { typeFromAst } from './types.ts'

/** The tree of a statement as parseSelect gives it. GROUP BY ALL, ordinals and aliases become expressions. */
export function selectTree(statement: AstNode): Select {
  const node = asNode(statement.node)
  if (node.type !== 'SELECT_NODE')
    return {
      items: [],
      from: { is: 'none' },
      where: undefined,
      groupBy: [],
      qualify: undefined,
      others: [{ what: setOperation(node), at: undefined }],
    }
  const items = nodes(node.select_list).map(itemOf)
  const written = nodes(node.group_expressions).map(exprTree)
  const isAll = node.aggregate_handling === 'FORCE_AGGREGATES'
  return {
    items,
    from: fromTree(asNode(node.from_table)),
    where: optional(node.where_clause),
    groupBy: isAll
      ? items.filter((one) => !hasAggregate(one.expr)).map((one) => one.expr)
      : written.map((one) => resolvedGroup(one, items)),
    qualify: optional(node.qualify),
    others: otherParts(node),
  }
}

function setOperation(node: AstNode): string {
  return textOf(node.setop_type) || textOf(node.type)
}

function otherParts(node: AstNode): { what: string; at: number | undefined }[] {
  const found: { what: string; at: number | undefined }[] = []
  const having = node.having ?? null
  if (isNode(having)) found.push({ what: 'HAVING', at: positionOf(having) })
  for (const modifier of nodes(node.modifiers)) {
    const what = textOf(modifier.type).replace('_MODIFIER', '')
    const [order] = nodes(modifier.orders)
    const at = order === undefined ? undefined : positionOf(asNode(order.expression))
    found.push({ what: what === 'ORDER' ? 'ORDER BY' : what, at })
  }
  const ctes = nodes(asNode(node.cte_map).map)
  if (ctes.length > 0) found.push({ what: 'WITH', at: undefined })
  return found
}

function resolvedGroup(expr: Expr, items: readonly Item[]): Expr {
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

function itemOf(node: AstNode): Item {
  const expr = exprTree(node)
  const alias = textOf(node.alias)
  return { expr, name: alias !== '' ? alias : nameOf(expr) }
}

function nameOf(expr: Expr): string {
  if (expr.is === 'column') return expr.path.at(-1) ?? ''
  if (expr.is === 'field') return expr.name
  return expr.is === 'call' ? expr.name : ''
}

function fromTree(node: AstNode): From {
  const at = positionOf(node)
  switch (node.type) {
    case 'EMPTY':
      return { is: 'none' }
    case 'BASE_TABLE': {
      const schema = textOf(node.schema_name)
      const table = textOf(node.table_name)
      const name = schema === '' ? table : `${schema}.${table}`
      return { is: 'table', name, alias: textOf(node.alias), at }
    }
    case 'JOIN':
      return {
        is: 'join',
        // NATURAL, ASOF and their kind are of no type that anybody asks for.
        type: node.ref_type === 'REGULAR' ? textOf(node.join_type) : textOf(node.ref_type),
        left: fromTree(asNode(node.left)),
        right: fromTree(asNode(node.right)),
        on: optional(node.condition),
        using: texts(node.using_columns),
        at,
      }
    case 'SUBQUERY':
      return { is: 'select', select: selectTree(asNode(node.subquery)) }
    case 'TABLE_FUNCTION': {
      const call = asNode(node.function)
      const name = textOf(call.function_name)
      const [first] = nodes(call.children)
      const table = first === undefined ? undefined : constantText(first)
      if (name === 'session_rows' && table !== undefined) return { is: 'sessions', name: table, at }
      return { is: 'other', what: `${name}(…) in FROM`, at }
    }
    default:
      return { is: 'other', what: textOf(node.type), at }
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

/** The tree of one expression. What it has no form for comes out as `other`, for the printer to refuse. */
export function exprTree(node: AstNode): Expr {
  const at = positionOf(node)
  switch (node.class) {
    case 'COLUMN_REF':
      return { is: 'column', path: texts(node.column_names), at }
    case 'CONSTANT':
      return literalTree(asNode(node.value), at)
    case 'FUNCTION':
      return callTree(node, at)
    case 'COMPARISON': {
      const op = COMPARISONS[textOf(node.type)]
      if (op === undefined) return other(node, at)
      return binary(op, exprTree(asNode(node.left)), exprTree(asNode(node.right)), at)
    }
    case 'CONJUNCTION': {
      const op = node.type === 'CONJUNCTION_AND' ? 'AND' : 'OR'
      const [first, ...rest] = nodes(node.children).map(exprTree)
      return first === undefined
        ? other(node, at)
        : rest.reduce((left, right) => binary(op, left, right, at), first)
    }
    case 'OPERATOR':
      return operatorTree(node, at)
    case 'CASE':
      return caseTree(node, at)
    case 'CAST':
      return castTree(node, at)
    case 'BETWEEN': {
      const input = exprTree(asNode(node.input))
      const lower = binary('>=', input, exprTree(asNode(node.lower)), at)
      const upper = binary('<=', input, exprTree(asNode(node.upper)), at)
      return binary('AND', lower, upper, at)
    }
    case 'STAR': {
      const excluded = texts(node.exclude_list)
      const isPlain = node.columns !== true && nodes(node.replace_list).length === 0
      return isPlain ? { is: 'star', excluded, at } : other(node, at)
    }
    case 'WINDOW': {
      const partition = nodes(node.partitions).map(exprTree)
      const order = nodes(node.orders).map((one) => exprTree(asNode(one.expression)))
      return { is: 'window', name: textOf(node.function_name), partition, order, at }
    }
    default:
      return other(node, at)
  }
}

function callTree(node: AstNode, at: number | undefined): Expr {
  const name = textOf(node.function_name).toLowerCase()
  const args = nodes(node.children).map(exprTree)
  const [first, second] = args
  const op = node.is_operator === true ? OPERATORS[name] : undefined
  if (op !== undefined && first !== undefined && second !== undefined)
    return binary(op, first, second, at)
  if (node.is_operator === true && name === '-' && first !== undefined)
    return { is: 'unary', op: '-', of: first, at }
  const ms = intervalMs(name, first)
  if (ms !== undefined) return { is: 'interval', ms, at }
  const filter = optional(node.filter)
  return { is: 'call', name, args, distinct: node.distinct === true, filter, at }
}

function operatorTree(node: AstNode, at: number | undefined): Expr {
  const children = nodes(node.children).map(exprTree)
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

function caseTree(node: AstNode, at: number | undefined): Expr {
  const whens = nodes(node.case_checks).map((one) => ({
    when: exprTree(asNode(one.when_expr)),
    // biome-ignore lint/suspicious/noThenProperty: THEN is what SQL calls it; nothing awaits this object.
    then: exprTree(asNode(one.then_expr)),
  }))
  const otherwise = exprTree(asNode(node.else_expr))
  const isNull = otherwise.is === 'literal' && otherwise.text === undefined
  return { is: 'case', whens, otherwise: isNull ? undefined : otherwise, at }
}

function castTree(node: AstNode, at: number | undefined): Expr {
  const to = typeFromAst(asNode(node.cast_type))
  const of = exprTree(asNode(node.child))
  if (to === undefined) return other(node, at)
  // TRUE and FALSE come as CAST('t' AS BOOLEAN).
  if (to.is === 'BOOLEAN' && of.is === 'literal' && (of.text === 't' || of.text === 'f'))
    return { is: 'literal', type: to, text: of.text === 't' ? 'true' : 'false', at: at ?? of.at }
  return { is: 'cast', to, of, isTry: node.try_cast === true, at: at ?? of.at }
}

function binary(op: BinaryOp, left: Expr, right: Expr, at: number | undefined): Expr {
  return { is: 'binary', op, left, right, at: at ?? left.at }
}

function other(node: AstNode, at: number | undefined): Expr {
  return { is: 'other', what: textOf(node.type).toLowerCase().replaceAll('_', ' '), at }
}

function optional(value: AstValue | undefined): Expr | undefined {
  return isNode(value) ? exprTree(value) : undefined
}

function asNode(value: AstValue | undefined): AstNode {
  return isNode(value) ? value : {}
}

function texts(value: AstValue | undefined): string[] {
  return Array.isArray(value) ? value.map((one) => String(one)) : []
}
