/** The parts of SQL syntax that differ between engines, and what a printer is given. */
import type { NameScope } from '../sql/infer.ts'
import type { Call, Expr } from '../sql/tree.ts'
import type { LogicalType } from '../sql/types.ts'
import type { FunctionIdioms, PrintedEngine } from './idioms/functions.ts'

/** Something in a model that an engine can't run. */
export interface Fault {
  /** Byte offset in the model's SELECT; undefined where DuckDB's AST has none. */
  readonly at: number | undefined
  readonly message: string
  readonly hint: string
}

/** The parts of SQL syntax in which one engine differs from others. */
export interface DialectSyntax {
  readonly engine: PrintedEngine
  /** For messages. */
  readonly displayName: string
  /** The cast that returns NULL for values that can't be cast. */
  readonly tryCast: 'TRY_CAST' | 'CAST'
  /** Whether conditions can be unknown, as in SQL; otherwise NULL is an error in a condition. */
  readonly hasUnknown: boolean
  /** A field of a struct. */
  field(of: string, name: string): string
  /** time ± interval */
  shiftTime(time: string, op: '+' | '-', ms: number): string
  concat(parts: readonly { readonly sql: string; readonly isLiteral: boolean }[]): string
  remainder(left: string, right: string): string
  decimal(digits: string, type: LogicalType): string
  /** An aggregate with FILTER or DISTINCT; `idioms` print it without them. */
  aggregate(call: Call, printer: ExprPrinter, idioms: FunctionIdioms): string
}

/** The printer as a syntax uses it. */
export interface ExprPrinter {
  print(expr: Expr): string
  /** A condition of WHEN or WHERE. */
  printCondition(expr: Expr): string
  /** Collects a fault; returns 'NULL', so that printing can go on. */
  fault(at: number | undefined, message: string, hint: string): string
  /** A call with arguments that are printed already. */
  apply(call: Call, idioms: FunctionIdioms, args: readonly string[]): string
}

/** An expression that an engine has its own SQL for. */
export interface Substitute {
  readonly expr: Expr
  readonly sql: string
}

/** What a printer is made for: one SELECT of one model in one engine. */
export interface PrintContext extends NameScope {
  readonly syntax: DialectSyntax
  readonly timezone: string
  /** Expressions that the engine writes otherwise, such as the start of a window. */
  readonly substitutes: readonly Substitute[]
  readonly faults: Fault[]
}

/** Quotes a name, in the way of all printed engines. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
