/**
 * The input and output of a dialect, which compiles a model for one engine. A dialect is a pure
 * function; it returns faults, so that those of all models can be shown together.
 */
import { CcsError } from '../kernel/errors.ts'
import { toSelectSource } from '../models/graph.ts'
import type { Model } from '../models/model.ts'
import type { Seed } from '../models/seed.ts'
import { type AstNode, locate } from '../sql/ast.ts'
import type { MacroSet } from '../sql/expand-macros.ts'
import type { Expr, Select } from '../sql/tree.ts'
import type { Column } from '../sql/types.ts'
import type { Fault } from './dialect-syntax.ts'

/** What all models of a project share. */
export interface DialectProject {
  /** IANA name. */
  readonly timezone: string
  /** Event time: the column of the model with a watermark, and its expression. */
  readonly time:
    | { readonly column: string; readonly expr: Expr; readonly watermarkMs: number }
    | undefined
  /** The newest Avro schema of events.raw, as JSON; '' if the project has none. */
  readonly rawSchema: string
  /** Greatest pause and lateness of a model of kind session, together, ms. */
  readonly sessionHoldMs: number
  /** How long engines must keep state, ms: the greatest dedupe horizon, or window and lateness. */
  readonly stateMs: number
  readonly macros: MacroSet
  findModel(name: string): Model | undefined
  /** Why a column of a model may be NULL, as the end of a sentence; undefined: it never is. */
  explainNull(model: string, column: string): string | undefined
  findSeed(name: string): Seed | undefined
}

/** One model, as a dialect reads it. */
export interface DialectInput {
  readonly model: Model
  /** The SELECT with its macros expanded, except those that engines have an idiom for. */
  readonly select: Select
  readonly ast: AstNode
  /** Columns of the result, in order. */
  readonly columns: readonly Column[]
  /** The columns of a table that it reads. */
  findColumns(name: string): readonly Column[]
  readonly project: DialectProject
}

/** One statement of the engine's SQL. */
export interface Statement {
  /** What it does: 'source', 'view', 'sink', 'insert', 'stream', 'table', 'setting', 'function'. */
  readonly what: string
  /** Without the closing semicolon. */
  readonly sql: string
  /** Where its parts come from, of engines that say where a statement is wrong. */
  readonly places?: readonly StatementPlace[]
}

/** A part of a statement, as offsets in its `sql`; `at`: byte offset in the model's SELECT. */
export interface StatementPlace {
  readonly from: number
  readonly to: number
  readonly at: number
}

/** A model in an engine's SQL. */
export interface CompiledModel {
  readonly statements: readonly Statement[]
  /** How the engine's rows may differ from those of the SELECT: one sentence each. */
  readonly notes: readonly string[]
  readonly faults: readonly Fault[]
}

/** Prints a SELECT of DuckDB's AST, given as JSON, as DuckDB writes it. */
export type PrintSql = (json: string) => Promise<string>

/**
 * Prints one model for an engine. Pure but for `printSql`, which only DuckDB's own dialect uses.
 */
export type Dialect = (
  input: DialectInput,
  printSql: PrintSql,
) => CompiledModel | Promise<CompiledModel>

/** Turns a fault into an error that points into the model's file. */
export function toUnsupportedError(model: Model, fault: Fault): CcsError {
  return new CcsError('CCS_SQL_UNSUPPORTED', fault.message, {
    location: locate(toSelectSource(model), fault.at),
    hint: fault.hint,
  })
}

/** Prints the statements of a model, with notes as comments above them. */
export function printStatements(compiled: CompiledModel): string {
  const notes = compiled.notes.map((one) => `-- ${one}\n`).join('')
  return notes + compiled.statements.map((one) => `${one.sql};\n`).join('\n')
}

/** `silver.events` becomes `silver_events`. */
export function flattenName(name: string): string {
  return name.replaceAll('.', '_')
}

/** Prints a SELECT, one clause per line. */
export function printClauses(parts: {
  readonly items: readonly string[]
  readonly from: string
  readonly window?: string
  readonly where: readonly string[]
  readonly groupBy?: readonly string[]
  readonly end?: string
}): string {
  const lines = [`SELECT\n  ${parts.items.join(',\n  ')}`, `FROM ${parts.from}`]
  if (parts.window !== undefined) lines.push(`WINDOW ${parts.window}`)
  if (parts.where.length > 0) lines.push(`WHERE ${parts.where.join('\n  AND ')}`)
  if (parts.groupBy !== undefined && parts.groupBy.length > 0)
    lines.push(`GROUP BY ${parts.groupBy.join(', ')}`)
  if (parts.end !== undefined) lines.push(parts.end)
  return lines.join('\n')
}

/** Prints WITH (…), one option per line; `bare` values stay without quotes. */
export function printOptions(
  options: readonly (readonly [string, string | { readonly bare: string }])[],
  key: (name: string) => string = (name) => name,
): string {
  const lines = options.map(
    ([name, value]) => `  ${key(name)} = ${typeof value === 'string' ? `'${value}'` : value.bare}`,
  )
  return `WITH (\n${lines.join(',\n')}\n)`
}
