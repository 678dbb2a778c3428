/** Infers the types of expressions of the portable subset. */
import { FUNCTIONS } from './functions.ts'
import type { Expr } from './tree.ts'
import type { Column, LogicalType } from './types.ts'

/** What names refer to inside a SELECT. */
export interface NameScope {
  readonly columns: readonly Column[]
  /** Output columns of the same SELECT that its other expressions refer to by name. */
  readonly aliases: ReadonlyMap<string, Expr>
}

/**
 * The type of an expression; undefined where it can't be known, such as for an unknown column or
 * function.
 */
export function inferType(expr: Expr, scope: NameScope): LogicalType | undefined {
  switch (expr.is) {
    case 'column': {
      const name = expr.path.at(-1) ?? ''
      const column = scope.columns.find((one) => one.name === name)
      if (column !== undefined) return column.type
      const alias = scope.aliases.get(name)
      if (alias === undefined) return undefined
      const others = new Map([...scope.aliases].filter(([one]) => one !== name))
      return inferType(alias, { ...scope, aliases: others })
    }
    case 'literal':
      return expr.type
    case 'interval':
      return { is: 'INTERVAL' }
    case 'call':
      return FUNCTIONS[expr.name]?.result(expr.args.map((one) => inferType(one, scope)))
    case 'cast':
      return expr.to
    case 'unary':
      return expr.op === '-' ? inferType(expr.of, scope) : { is: 'BOOLEAN' }
    case 'case':
      return findFirstKnown([...expr.whens.map((one) => one.then), expr.otherwise], scope)
    case 'in':
      return { is: 'BOOLEAN' }
    case 'binary':
      return inferBinaryType(expr, scope)
    case 'index': {
      const of = inferType(expr.of, scope)
      return of?.is === 'LIST' ? of.of : undefined
    }
    case 'field': {
      const of = inferType(expr.of, scope)
      return of?.is === 'STRUCT' ? of.fields.find((one) => one.name === expr.name)?.type : undefined
    }
    default:
      return undefined
  }
}

function inferBinaryType(
  expr: Extract<Expr, { is: 'binary' }>,
  scope: NameScope,
): LogicalType | undefined {
  switch (expr.op) {
    case '/':
      return { is: 'DOUBLE' }
    case '||':
      return { is: 'VARCHAR' }
    case '+':
    case '-':
    case '*':
    case '//':
    case '%':
      return chooseWiderType(inferType(expr.left, scope), inferType(expr.right, scope))
    default:
      return { is: 'BOOLEAN' }
  }
}

function findFirstKnown(
  list: readonly (Expr | undefined)[],
  scope: NameScope,
): LogicalType | undefined {
  for (const one of list) {
    const type = one === undefined ? undefined : inferType(one, scope)
    if (type !== undefined && type.is !== 'NULL') return type
  }
  return undefined
}

const ORDER: readonly LogicalType['is'][] = ['INTEGER', 'BIGINT', 'HUGEINT', 'DECIMAL', 'DOUBLE']

function chooseWiderType(
  a: LogicalType | undefined,
  b: LogicalType | undefined,
): LogicalType | undefined {
  if (a === undefined || b === undefined) return undefined
  const isNumeric = ORDER.includes(a.is) && ORDER.includes(b.is)
  if (!isNumeric) return a.is === 'INTERVAL' ? b : a
  return ORDER.indexOf(a.is) >= ORDER.indexOf(b.is) ? a : b
}
