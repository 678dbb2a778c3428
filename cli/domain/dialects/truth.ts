/**
 * Conditions for engines that have no unknown truth value. There a comparison with NULL is FALSE,
 * and so is its opposite; a condition that is NULL is an error. So NOT can't be left to the engine:
 * whether an expression is true and whether it is false are printed as two conditions.
 */
import type { BinaryOp, Expr } from '../sql/tree.ts'
import { AND_STRENGTH, enclose, indivisible, type Piece, STRENGTH } from './piece.ts'

/** Prints the operands of conditions. */
export interface OperandPrinter {
  /** Whether the engine has its own SQL for the expression as a whole. */
  isSubstituted(expr: Expr): boolean
  /** What a column stands for if it is an alias of the same SELECT. */
  resolveAlias(expr: Expr): Expr | undefined
  print(expr: Expr): string
  /** In parentheses if it binds weaker than `strength`. */
  printInside(expr: Expr, strength: number): string
}

const OPPOSITE: Partial<Record<BinaryOp, BinaryOp>> = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
  LIKE: 'NOT LIKE',
  'NOT LIKE': 'LIKE',
}

/** Whether the expression is a condition made of operators, which SQL may evaluate to unknown. */
export function isCondition(expr: Expr): boolean {
  switch (expr.is) {
    case 'binary':
      return expr.op === 'AND' || expr.op === 'OR' || OPPOSITE[expr.op] !== undefined
    case 'unary':
      return expr.op === 'NOT'
    default:
      return expr.is === 'in'
  }
}

/** Prints a condition as a value: TRUE, FALSE, or NULL where SQL has unknown. */
export function printTruthValue(expr: Expr, printer: OperandPrinter): Piece {
  const isTrue = printTruth(expr, true, printer)
  if (!canBeNull(expr, printer)) return isTrue
  const isFalse = printTruth(expr, false, printer)
  return indivisible(`CASE WHEN ${isTrue.sql} THEN TRUE WHEN ${isFalse.sql} THEN FALSE END`)
}

/** Prints the condition that `expr` is true, or that it is false; neither holds for unknown. */
export function printTruth(expr: Expr, wanted: boolean, printer: OperandPrinter): Piece {
  if (printer.isSubstituted(expr)) return printTruthOfValue(expr, wanted, printer)
  switch (expr.is) {
    case 'binary':
      return printBinary(expr, wanted, printer)
    case 'unary':
      if (expr.op === 'NOT') return printTruth(expr.of, !wanted, printer)
      if (expr.op === '-') break
      return {
        sql: `${printer.printInside(expr.of, 5)} ${
          (expr.op === 'IS NULL') === wanted ? 'IS NULL' : 'IS NOT NULL'
        }`,
        strength: 4,
      }
    case 'in': {
      const list = expr.list.map((one) => printer.print(one)).join(', ')
      const of = printer.printInside(expr.of, 5)
      if (expr.isNot !== wanted) return { sql: `${of} IN (${list})`, strength: 4 }
      return requireOperand(expr.of, `${of} NOT IN (${list})`, printer)
    }
    default:
  }
  return printTruthOfValue(expr, wanted, printer)
}

function printBinary(
  expr: Extract<Expr, { is: 'binary' }>,
  wanted: boolean,
  printer: OperandPrinter,
): Piece {
  const { op, left, right } = expr
  if (op === 'AND' || op === 'OR') {
    const joined = (op === 'AND') === wanted ? 'AND' : 'OR'
    const strength = STRENGTH[joined] ?? AND_STRENGTH
    const sides = [left, right].map((one) => enclose(printTruth(one, wanted, printer), strength))
    return { sql: sides.join(` ${joined} `), strength }
  }
  const opposite = OPPOSITE[op]
  if (opposite === undefined) return printTruthOfValue(expr, wanted, printer)
  const isLike = op === 'LIKE' || op === 'NOT LIKE'
  const operator = wanted ? op : opposite
  const sql = `${printer.printInside(left, 4)} ${operator} ${printer.printInside(right, 5)}`
  return isLike ? requireOperand(left, sql, printer) : { sql, strength: 4 }
}

/** For an operator that fails on NULL, or is TRUE for it. */
function requireOperand(operand: Expr, sql: string, printer: OperandPrinter): Piece {
  if (!canBeNull(operand, printer)) return { sql, strength: 4 }
  return {
    sql: `${printer.printInside(operand, 5)} IS NOT NULL AND ${sql}`,
    strength: AND_STRENGTH,
  }
}

/** Whether a value of type BOOLEAN is TRUE, or FALSE. */
function printTruthOfValue(expr: Expr, wanted: boolean, printer: OperandPrinter): Piece {
  if (canBeNull(expr, printer)) {
    const value = printer.print(expr)
    return wanted
      ? indivisible(`COALESCE(${value}, FALSE)`)
      : { sql: `NOT COALESCE(${value}, TRUE)`, strength: 3 }
  }
  return wanted
    ? indivisible(printer.printInside(expr, 9))
    : { sql: `NOT ${printer.printInside(expr, 9)}`, strength: 3 }
}

const NEVER_NULL = ['count', 'count_star']

/** Whether a value can be NULL, as far as the expression tells; of a column that is not known. */
function canBeNull(expr: Expr, printer: OperandPrinter, seen: readonly Expr[] = []): boolean {
  const isNullable = (one: Expr) => canBeNull(one, printer, [...seen, expr])
  switch (expr.is) {
    case 'column': {
      const of = printer.resolveAlias(expr)
      return of === undefined || seen.includes(of) || isNullable(of)
    }
    case 'literal':
      return expr.text === undefined
    case 'call':
      if (expr.name === 'coalesce') return expr.args.every(isNullable)
      return !NEVER_NULL.includes(expr.name)
    case 'binary':
      // Division by zero is NULL.
      return ['/', '//', '%'].includes(expr.op) || [expr.left, expr.right].some(isNullable)
    case 'unary':
      return (expr.op === 'NOT' || expr.op === '-') && isNullable(expr.of)
    case 'case':
      return (
        expr.otherwise === undefined ||
        [expr.otherwise, ...expr.whens.map((one) => one.then)].some(isNullable)
      )
    case 'cast':
      return expr.isTry || isNullable(expr.of)
    case 'in':
      return isNullable(expr.of)
    default:
      return true
  }
}
