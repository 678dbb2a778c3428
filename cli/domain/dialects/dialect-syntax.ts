/** What a printer is told of an engine: how it says what engines say differently, and where names come from. */
import type { FunctionEntry } from '../sql/functions.ts'
import type { NameScope } from '../sql/infer.ts'
import type { Call, Expr } from '../sql/tree.ts'
import type { LogicalType } from '../sql/types.ts'

export interface Fault {
  readonly at: number | undefined
  readonly message: string
  readonly hint: string
}

/** How an engine says what engines say differently. */
export interface Speech {
  readonly engine: 'flink' | 'ksqldb'
  /** `Flink`, `ksqlDB`: for messages. */
  readonly shown: string
  field(of: string, name: string): string
  /** time ± interval */
  shifted(time: string, op: '+' | '-', ms: number): string
  concat(parts: readonly { readonly sql: string; readonly isLiteral: boolean }[]): string
  remainder(left: string, right: string): string
  decimal(digits: string, type: LogicalType): string
  /** An aggregate with FILTER or DISTINCT; `entry` prints it without. */
  aggregate(call: Call, printer: ExprPrinter, entry: FunctionEntry): string
}

/** The printer as a Speech sees it. */
export interface ExprPrinter {
  print(expr: Expr): string
  /** Notes what can't be said; returns NULL to go on with. */
  fault(at: number | undefined, message: string, hint: string): string
  /** A call with arguments that are printed already. */
  apply(call: Call, entry: FunctionEntry, args: readonly string[]): string
}

/** An expression that an engine has its own SQL for. */
export interface Substitute {
  readonly expr: Expr
  readonly sql: string
}

export interface PrintContext extends NameScope {
  readonly speech: Speech
  readonly timezone: string
  readonly itemsMax: number
  /** Expressions that stand for something of the engine's own, such as the start of a window. */
  readonly substitutes: readonly Substitute[]
  readonly faults: Fault[]
}

/** A name as Flink and ksqlDB both quote it. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
