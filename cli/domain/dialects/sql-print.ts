/**
 * Prints expressions for an engine. What the engines share is here; what differs is in the given
 * `DialectSyntax`. What can't be printed becomes a fault with its place in the model's text, and
 * printing goes on, so that a user sees all faults at once.
 */
import { findNearest } from '../kernel/did-you-mean.ts'
import { quoteText } from '../kernel/sql-text.ts'
import { inferType } from '../sql/infer.ts'
import { type Call, type Expr, flattenConcat, isSameExpr } from '../sql/tree.ts'
import { displayType, type LogicalType } from '../sql/types.ts'
import { type PrintContext, quoteName } from './dialect-syntax.ts'
import { FUNCTION_IDIOMS, type FunctionIdioms } from './idioms/functions.ts'
import { printType } from './idioms/types.ts'
import { AND_STRENGTH, enclose, indivisible, type Piece, STRENGTH } from './piece.ts'
import { isCondition, type OperandPrinter, printTruth, printTruthValue } from './truth.ts'

const WHOLE: readonly LogicalType['is'][] = ['INTEGER', 'BIGINT']
const ROUNDED: readonly LogicalType['is'][] = ['DOUBLE', 'DECIMAL', 'VARCHAR']

/** Prints the expressions of one SELECT. */
export class Printer implements OperandPrinter {
  readonly context: PrintContext
  /** Aliases that are being printed. */
  readonly #printing = new Set<string>()

  constructor(context: PrintContext) {
    this.context = context
  }

  /** Prints an expression. */
  print(expr: Expr): string {
    return this.#piece(expr).sql
  }

  /** Prints a condition of WHEN or WHERE, in parentheses if it binds weaker than `strength`. */
  printCondition(expr: Expr, strength = 0): string {
    const { hasUnknown } = this.context.syntax
    return enclose(hasUnknown ? this.#piece(expr) : printTruth(expr, true, this), strength)
  }

  /** Prints an operand, in parentheses if it binds weaker than its surroundings. */
  printInside(expr: Expr, strength: number): string {
    return enclose(this.#piece(expr), strength)
  }

  /** Whether the engine has its own SQL for the whole expression. */
  isSubstituted(expr: Expr): boolean {
    return this.context.substitutes.some((one) => isSameExpr(one.expr, expr))
  }

  /** The expression of an alias of this SELECT. A column of the source hides an alias. */
  resolveAlias(expr: Expr): Expr | undefined {
    if (expr.is !== 'column') return undefined
    const name = expr.path.at(-1) ?? ''
    const isColumn = this.context.columns.some((one) => one.name === name)
    return isColumn || this.#printing.has(name) ? undefined : this.context.aliases.get(name)
  }

  /** The type of an expression, if it can be inferred. */
  type(expr: Expr): LogicalType | undefined {
    return inferType(expr, this.context)
  }

  /** Collects a fault, once per place; returns 'NULL', so that printing can go on. */
  fault(at: number | undefined, message: string, hint: string): string {
    const { faults } = this.context
    if (!faults.some((one) => one.at === at && one.message === message))
      faults.push({ at, message, hint })
    return 'NULL'
  }

  #piece(expr: Expr): Piece {
    const substitute = this.context.substitutes.find((one) => isSameExpr(one.expr, expr))
    if (substitute !== undefined) return indivisible(substitute.sql)
    if (!this.context.syntax.hasUnknown && isCondition(expr)) return printTruthValue(expr, this)
    switch (expr.is) {
      case 'column':
        return this.#column(expr)
      case 'literal':
        return indivisible(this.#literal(expr))
      case 'call':
        return this.#call(expr)
      case 'binary':
        return this.#binary(expr)
      case 'unary':
        return this.#unary(expr)
      case 'case': {
        const whens = expr.whens.map(
          (one) => `WHEN ${this.printCondition(one.when)} THEN ${this.print(one.then)}`,
        )
        const rest = expr.otherwise === undefined ? '' : ` ELSE ${this.print(expr.otherwise)}`
        return indivisible(`CASE ${whens.join(' ')}${rest} END`)
      }
      case 'cast':
        return indivisible(this.#cast(expr))
      case 'in': {
        const list = expr.list.map((one) => this.print(one)).join(', ')
        return {
          sql: `${this.printInside(expr.of, 5)} ${expr.isNot ? 'NOT IN' : 'IN'} (${list})`,
          strength: 4,
        }
      }
      case 'field':
        return indivisible(this.context.syntax.field(this.printInside(expr.of, 9), expr.name))
      case 'index':
        return indivisible(`${this.printInside(expr.of, 9)}[${this.print(expr.index)}]`)
      case 'star':
        return indivisible('*')
      default:
        return indivisible(this.#refuse(expr))
    }
  }

  #refuse(expr: Expr): string {
    const { displayName } = this.context.syntax
    if (expr.is === 'window')
      return this.fault(
        expr.at,
        `${displayName} can't run ${expr.name}() OVER here.`,
        'Number rows only to deduplicate: ' +
          'QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) = 1.',
      )
    if (expr.is === 'interval')
      return this.fault(
        expr.at,
        `${displayName} allows an interval only after + or -.`,
        'Add it to a time, or compare milliseconds.',
      )
    const what = expr.is === 'other' ? expr.what : expr.is
    return this.fault(
      expr.at,
      `${displayName} can't run '${what}'.`,
      'Use the portable subset: `ccs portability` lists what each engine can run.',
    )
  }

  #column(expr: Extract<Expr, { is: 'column' }>): Piece {
    const name = expr.path.at(-1) ?? ''
    const alias = this.resolveAlias(expr)
    // In coalesce(x, 0) AS x, the inner x is a column, even if the columns are not known.
    if (alias === undefined) return indivisible(quoteName(name))
    this.#printing.add(name)
    const piece = this.#piece(alias)
    this.#printing.delete(name)
    return piece
  }

  #literal(expr: Extract<Expr, { is: 'literal' }>): string {
    if (expr.text === undefined) return 'NULL'
    if (expr.type.is === 'VARCHAR') return quoteText(expr.text)
    if (expr.type.is === 'BOOLEAN') return expr.text.toUpperCase()
    if (expr.type.is === 'DECIMAL') return this.context.syntax.decimal(expr.text, expr.type)
    return expr.text
  }

  #call(call: Call): Piece {
    const idioms = Object.hasOwn(FUNCTION_IDIOMS, call.name)
      ? FUNCTION_IDIOMS[call.name]
      : undefined
    const { syntax } = this.context
    if (idioms === undefined) {
      const near = findNearest(call.name, Object.keys(FUNCTION_IDIOMS))
      const hint =
        near === undefined
          ? 'Use a function of the portable subset: see `ccs portability`.'
          : `Did you mean "${near}"?`
      return indivisible(
        this.fault(call.at, `${syntax.displayName} has no counterpart of ${call.name}().`, hint),
      )
    }
    if (call.filter !== undefined || call.distinct)
      return indivisible(syntax.aggregate(call, this, idioms))
    return indivisible(
      this.apply(
        call,
        idioms,
        call.args.map((one) => this.print(one)),
      ),
    )
  }

  /** A call with arguments that are printed already. */
  apply(call: Call, idioms: FunctionIdioms, args: readonly string[]): string {
    const { syntax, timezone } = this.context
    const idiom = idioms[syntax.engine]
    if (typeof idiom !== 'function')
      return this.fault(call.at, `${syntax.displayName} has no ${call.name}().`, idiom.instead)
    return idiom({ args, types: call.args.map((one) => this.type(one)), timezone })
  }

  #binary(expr: Extract<Expr, { is: 'binary' }>): Piece {
    const { syntax } = this.context
    const strength = STRENGTH[expr.op] ?? 4
    if ((expr.op === '+' || expr.op === '-') && expr.right.is === 'interval')
      return indivisible(syntax.shiftTime(this.printInside(expr.left, 6), expr.op, expr.right.ms))
    switch (expr.op) {
      case '||': {
        const parts = flattenConcat(expr).map((one) => ({
          sql: this.print(one),
          isLiteral: one.is === 'literal',
        }))
        return { sql: syntax.concat(parts), strength: 5 }
      }
      case '/': {
        // DuckDB divides as DOUBLE; others truncate integers, and a zero divisor may end a job.
        const isDouble = this.type(expr.left)?.is === 'DOUBLE'
        const left = isDouble
          ? this.printInside(expr.left, 7)
          : `CAST(${this.print(expr.left)} AS DOUBLE)`
        return { sql: `${left} / ${this.#divisor(expr.right)}`, strength }
      }
      case '//': {
        const bothWhole = [expr.left, expr.right].every((one) =>
          WHOLE.includes(this.type(one)?.is ?? 'NULL'),
        )
        if (!bothWhole)
          return indivisible(
            this.fault(
              expr.at,
              `On ${syntax.displayName}, // can only divide whole numbers.`,
              'Cast both sides to BIGINT.',
            ),
          )
        return {
          sql: `${this.printInside(expr.left, 7)} / ${this.#divisor(expr.right)}`,
          strength: 7,
        }
      }
      case '%':
        return {
          sql: syntax.remainder(this.printInside(expr.left, 8), this.#divisor(expr.right)),
          strength: 7,
        }
      case '*': {
        const isNarrow =
          this.type(expr.left)?.is === 'INTEGER' && this.type(expr.right)?.is === 'INTEGER'
        const left = isNarrow
          ? `CAST(${this.print(expr.left)} AS BIGINT)`
          : this.printInside(expr.left, 7)
        return { sql: `${left} * ${this.printInside(expr.right, 8)}`, strength }
      }
      default: {
        const isAssociative = strength <= AND_STRENGTH
        const right = this.printInside(expr.right, isAssociative ? strength : strength + 1)
        return { sql: `${this.printInside(expr.left, strength)} ${expr.op} ${right}`, strength }
      }
    }
  }

  #divisor(expr: Expr): string {
    const isSafe = expr.is === 'literal' && Number(expr.text) !== 0
    return isSafe ? this.print(expr) : `NULLIF(${this.print(expr)}, 0)`
  }

  #unary(expr: Extract<Expr, { is: 'unary' }>): Piece {
    switch (expr.op) {
      case 'NOT':
        return { sql: `NOT ${this.printInside(expr.of, 3)}`, strength: 3 }
      case '-':
        return { sql: `-${this.printInside(expr.of, 9)}`, strength: 8 }
      default:
        return { sql: `${this.printInside(expr.of, 5)} ${expr.op}`, strength: 4 }
    }
  }

  #cast(expr: Extract<Expr, { is: 'cast' }>): string {
    const { syntax } = this.context
    const from = this.type(expr.of)
    const name = printType(expr.to, syntax.engine)
    if (name === undefined)
      return this.fault(
        expr.at,
        `${syntax.displayName} has no type ${displayType(expr.to)}.`,
        'Cast to BIGINT or DECIMAL.',
      )
    const differs =
      expr.to.is === 'VARCHAR' &&
      from !== undefined &&
      ['TIMESTAMP', 'DOUBLE', 'BOOLEAN'].includes(from.is)
    if (differs)
      return this.fault(
        expr.at,
        `Engines write a ${from.is} as text differently.`,
        'Use epoch_ms() for a time, DECIMAL for a number, CASE for a truth value.',
      )
    if (expr.to.is === 'TIMESTAMP' && from?.is === 'VARCHAR')
      return this.fault(
        expr.at,
        'Engines read a time from text differently.',
        'Store the time as milliseconds and use make_timestamp_ms().',
      )
    const of = this.print(expr.of)
    const word = expr.isTry ? syntax.tryCast : 'CAST'
    if (!WHOLE.includes(expr.to.is) || from === undefined || !ROUNDED.includes(from.is))
      return `${word}(${of} AS ${name})`
    // DuckDB rounds; the other engines truncate.
    const number = from.is === 'VARCHAR' ? `${word}(${of} AS DECIMAL(38, 10))` : of
    return `${word}(ROUND(${number}, 0) AS ${name})`
  }
}
