/**
 * A small typed tree of a SELECT, which the printers of the engines' dialects walk. read-tree.ts
 * builds it from DuckDB's AST.
 */
import { isAggregate } from './aggregate-names.ts'
import type { LogicalType } from './types.ts'

/**
 * An expression. `at` is its byte offset in the SQL text; `other` is a form that no dialect
 * supports.
 */
export type Expr =
  | { readonly is: 'column'; readonly path: readonly string[]; readonly at: number | undefined }
  | {
      readonly is: 'literal'
      readonly type: LogicalType
      /** Digits of a number, the string itself, 'true' or 'false'; undefined for NULL. */
      readonly text: string | undefined
      readonly at: number | undefined
    }
  | { readonly is: 'interval'; readonly ms: number; readonly at: number | undefined }
  | Call
  | {
      readonly is: 'binary'
      readonly op: BinaryOp
      readonly left: Expr
      readonly right: Expr
      readonly at: number | undefined
    }
  | {
      readonly is: 'unary'
      readonly op: UnaryOp
      readonly of: Expr
      readonly at: number | undefined
    }
  | {
      readonly is: 'case'
      readonly whens: readonly { readonly when: Expr; readonly then: Expr }[]
      readonly otherwise: Expr | undefined
      readonly at: number | undefined
    }
  | {
      readonly is: 'cast'
      readonly to: LogicalType
      readonly of: Expr
      readonly isTry: boolean
      readonly at: number | undefined
    }
  | {
      readonly is: 'in'
      readonly of: Expr
      readonly list: readonly Expr[]
      readonly isNot: boolean
      readonly at: number | undefined
    }
  | {
      readonly is: 'field'
      readonly of: Expr
      readonly name: string
      readonly at: number | undefined
    }
  | {
      readonly is: 'index'
      readonly of: Expr
      readonly index: Expr
      readonly at: number | undefined
    }
  | { readonly is: 'star'; readonly excluded: readonly string[]; readonly at: number | undefined }
  | {
      readonly is: 'window'
      readonly name: string
      readonly partition: readonly Expr[]
      readonly order: readonly Expr[]
      readonly at: number | undefined
    }
  | { readonly is: 'other'; readonly what: string; readonly at: number | undefined }

/** A function call. */
export interface Call {
  readonly is: 'call'
  /** Lower case; count(*) is `count_star`. */
  readonly name: string
  readonly args: readonly Expr[]
  readonly distinct: boolean
  readonly filter: Expr | undefined
  readonly at: number | undefined
}

/** Operators with two operands, as SQL writes them. */
export type BinaryOp =
  | 'AND'
  | 'OR'
  | '='
  | '<>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '*'
  | '/'
  | '//'
  | '%'
  | '||'
  | 'LIKE'
  | 'NOT LIKE'
/** Operators with one operand. */
export type UnaryOp = 'NOT' | 'IS NULL' | 'IS NOT NULL' | '-'

/** One entry of the select list. */
export interface SelectItem {
  readonly expr: Expr
  /** Name of the output column; '' for a star. */
  readonly name: string
}

/** A table in FROM; `name` is as written, such as `silver.people`. */
export interface TableRef {
  readonly is: 'table'
  readonly name: string
  /** The alias in this SELECT; '' without one. */
  readonly alias: string
  readonly at: number | undefined
}

/** A join of two FROM items. */
export interface Join {
  readonly is: 'join'
  /** `LEFT`, `INNER` */
  readonly type: string
  readonly left: FromClause
  readonly right: FromClause
  readonly on: Expr | undefined
  readonly using: readonly string[]
  readonly at: number | undefined
}

/** What follows FROM. `sessions` is the table macro session_rows('name', …). */
export type FromClause =
  | { readonly is: 'none' }
  | TableRef
  | Join
  | { readonly is: 'select'; readonly select: Select }
  | { readonly is: 'sessions'; readonly name: string; readonly at: number | undefined }
  | { readonly is: 'other'; readonly what: string; readonly at: number | undefined }

/** A SELECT without its unsupported parts, which are listed beside it. */
export interface Select {
  readonly items: readonly SelectItem[]
  readonly from: FromClause
  readonly where: Expr | undefined
  readonly groupBy: readonly Expr[]
  readonly qualify: Expr | undefined
  /**
   * Clauses that no cluster engine can run on a stream: HAVING, ORDER BY, LIMIT, DISTINCT, WITH,
   * UNION.
   */
  readonly unsupported: readonly { readonly what: string; readonly at: number | undefined }[]
}

/** Whether an aggregate function is called anywhere in the expression. */
export function hasAggregate(expr: Expr): boolean {
  return (
    (expr.is === 'call' && isAggregate(expr.name)) ||
    listChildExprs(expr).some((one) => hasAggregate(one))
  )
}

/** The expressions directly inside this one. */
export function listChildExprs(expr: Expr): readonly Expr[] {
  switch (expr.is) {
    case 'call':
      return expr.filter === undefined ? expr.args : [...expr.args, expr.filter]
    case 'binary':
      return [expr.left, expr.right]
    case 'unary':
    case 'cast':
    case 'field':
      return [expr.of]
    case 'case': {
      const whens = expr.whens.flatMap((one) => [one.when, one.then])
      return expr.otherwise === undefined ? whens : [...whens, expr.otherwise]
    }
    case 'in':
      return [expr.of, ...expr.list]
    case 'index':
      return [expr.of, expr.index]
    case 'window':
      return [...expr.partition, ...expr.order]
    default:
      return []
  }
}

/** The operands of a chain of `||`, in order. */
export function flattenConcat(expr: Expr): readonly Expr[] {
  return expr.is === 'binary' && expr.op === '||'
    ? [...flattenConcat(expr.left), ...flattenConcat(expr.right)]
    : [expr]
}

/** Whether two expressions are equal, positions aside. */
export function isSameExpr(a: Expr, b: Expr): boolean {
  const bare = (expr: Expr): string =>
    JSON.stringify(expr, (key, value: unknown) => (key === 'at' ? undefined : value))
  return bare(a) === bare(b)
}
