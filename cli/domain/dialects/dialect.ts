/**
 * What a dialect is given of a model, and what it makes of it. A dialect is a pure function; the flow
 * collects its faults over all models.
 */
import { CcsError } from '../kernel/errors.ts'
import { selectSource } from '../models/graph.ts'
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
  /** Greatest number of order lines that the contract admits. */
  readonly itemsMax: number
  /** Where event time comes from: the column that the model with a watermark makes, and how. */
  readonly time:
    | { readonly column: string; readonly expr: Expr; readonly watermarkMs: number }
    | undefined
  /** Greatest lateness of the models of kind session, ms. */
  readonly sessionLatenessMs: number
  /** How long engines must keep state, ms: the greatest dedupe horizon, or window and lateness. */
  readonly stateMs: number
  readonly macros: MacroSet
  modelOf(name: string): Model | undefined
  seedOf(name: string): Seed | undefined
}

export interface DialectInput {
  readonly model: Model
  /** The SELECT with those macros in place that engines have no idiom of their own for. */
  readonly select: Select
  readonly ast: AstNode
  /** Columns of the result, in order. */
  readonly columns: readonly Column[]
  /** Columns of a table that it reads. */
  columnsOf(name: string): readonly Column[]
  readonly project: DialectProject
}

export interface Statement {
  /** What it makes: 'source', 'view', 'sink', 'insert', 'stream', 'table', 'setting'. */
  readonly what: string
  /** Without the closing semicolon. */
  readonly sql: string
}

export interface CompiledModel {
  readonly statements: readonly Statement[]
  /** Where the engine's result may differ from the SELECT, in whole sentences. */
  readonly notes: readonly string[]
  readonly faults: readonly Fault[]
}

/** Prints a SELECT of DuckDB's AST, given as JSON, as DuckDB writes it. */
export type PrintSql = (json: string) => Promise<string>

/** Prints one model for an engine. Pure but for `printSql`, which only DuckDB's own dialect uses. */
export type Dialect = (
  input: DialectInput,
  printSql: PrintSql,
) => CompiledModel | Promise<CompiledModel>

/** A fault as an error that points into the model's file. */
export function unsupported(model: Model, fault: Fault): CcsError {
  return new CcsError('CCS_SQL_UNSUPPORTED', fault.message, {
    location: locate(selectSource(model), fault.at),
    hint: fault.hint,
  })
}

/** The statements of a model as one text, notes as comments above them. */
export function statementsText(compiled: CompiledModel): string {
  const notes = compiled.notes.map((one) => `-- ${one}\n`).join('')
  return notes + compiled.statements.map((one) => `${one.sql};\n`).join('\n')
}

/** `silver.events` as a name without a dot. */
export function flatName(name: string): string {
  return name.replaceAll('.', '_')
}

/** A SELECT over several lines. */
export function clauses(parts: {
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

/** WITH (…) of a table, one option a line; `bare` values stay without quotes. */
export function withOptions(
  options: readonly (readonly [string, string | { readonly bare: string }])[],
  key: (name: string) => string = (name) => name,
): string {
  const lines = options.map(
    ([name, value]) => `  ${key(name)} = ${typeof value === 'string' ? `'${value}'` : value.bare}`,
  )
  return `WITH (\n${lines.join(',\n')}\n)`
}
