/**
 * Use case: say what an engine would run for the models. Their columns are known already, from the
 * one binding of the project's logic; dialects print. Nothing is run.
 */
import type { EngineName } from '../config/engines.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Logic } from '../models/logic.ts'
import type { Model } from '../models/model.ts'
import type { Seed } from '../models/seed.ts'
import { expandMacros, type MacroSet } from '../sql/expand-macros.ts'
import { readSelect } from '../sql/read-tree.ts'
import type { Select, SelectItem } from '../sql/tree.ts'
import { type Column, parseType } from '../sql/types.ts'
import {
  type CompiledModel,
  type Dialect,
  type DialectInput,
  type DialectProject,
  type PrintSql,
  toUnsupportedError,
} from './dialect.ts'
import { traceNullable } from './nullable-columns.ts'

/** A project's logic as dialects see it. */
export interface CompileProject {
  /** In topological order. */
  readonly models: readonly GraphModel[]
  readonly macros: MacroSet
  /** Seeds that models join. */
  readonly seeds?: readonly Seed[]
  /** Of raw.events and of each model; types as DuckDB writes them. */
  readonly columns: ReadonlyMap<string, readonly { readonly name: string; readonly type: string }[]>
  /** IANA name. */
  readonly timezone: string
  /** The newest Avro schema of events.raw, as JSON; '' if the project has none. */
  readonly rawSchema: string
}

/** One model compiled for one engine. */
export interface CompileResult {
  readonly model: Model
  readonly engine: EngineName
  readonly compiled: CompiledModel
}

/** Macros for which engines have an idiom of their own; all others are expanded. */
const IDIOMS = ['shop_day', 'right_now', 'lines_revenue', 'lines_units']

/** Picks what dialects need from a project's logic, which must be opened with `isDescribed`. */
export function toCompileProject(logic: Logic, timezone: string): CompileProject {
  const newest = logic.rawSchemas.at(-1)
  const { graph: models, macros, seeds, columns } = logic
  if (models.some(({ model }) => !columns.has(model.name)))
    throw new Error('The logic was opened without the columns of its models.')
  return { models, macros, seeds, columns, timezone, rawSchema: newest?.schema ?? '' }
}

/** Compiles all models, in order. What the engine can't run is in the faults of each result. */
export async function compileModels(
  project: CompileProject,
  engine: EngineName,
  tools: { readonly dialect: Dialect; readonly printSql: PrintSql },
): Promise<readonly CompileResult[]> {
  const results: CompileResult[] = []
  for (const input of toDialectInputs(project)) {
    const compiled = await tools.dialect(input, tools.printSql)
    results.push({ model: input.model, engine, compiled })
  }
  return results
}

/** Picks the result of one model, or all; CCS_USAGE_INVALID for an unknown name. */
export function pickModels(
  results: readonly CompileResult[],
  name: string | undefined,
): readonly CompileResult[] {
  if (name === undefined) return results
  const found = results.filter((one) => one.model.name === name)
  if (found.length > 0) return found
  const names = results.map((one) => one.model.name)
  throw new CcsError('CCS_USAGE_INVALID', `There is no model '${name}'.`, {
    hint: didYouMean(name, names),
  })
}

/** Throws CCS_SQL_UNSUPPORTED with every place that the engine can't run. */
export function requireSupported(results: readonly CompileResult[]): void {
  throwAll(
    results.flatMap(({ model, compiled }) =>
      compiled.faults.map((one) => toUnsupportedError(model, one)),
    ),
  )
}

/** Prepares the input of a dialect for each model, in order. */
export function toDialectInputs(project: CompileProject): readonly DialectInput[] {
  const columns = new Map([
    ...[...project.columns].map(([name, some]) => [name, toLogicalColumns(some)] as const),
    ...(project.seeds ?? []).map((one) => [one.name, one.columns] as const),
  ])
  const selects = project.models.map((one) => ({ ...one, select: readTree(one, project.macros) }))
  const shared = describeProject(selects, project)
  return selects.map(({ model, ast, select }) => ({
    model,
    ast,
    select,
    columns: columns.get(model.name) ?? [],
    findColumns: (name) => columns.get(name) ?? [],
    project: shared,
  }))
}

function readTree(one: GraphModel, macros: MacroSet): Select {
  const isExpanded = (macro: { name: string; isTable: boolean }): boolean =>
    !macro.isTable && !IDIOMS.includes(macro.name)
  return readSelect(expandMacros(one.ast, macros, isExpanded))
}

function describeProject(
  selects: readonly { readonly model: Model; readonly select: Select }[],
  project: CompileProject,
): DialectProject {
  const models = selects.map((one) => one.model)
  const timed = selects.find((one) => one.model.watermarkMs !== undefined)
  const item: SelectItem | undefined = timed?.select.items.find(
    (one) => one.name === timed.model.time,
  )
  const latest = (of: (model: Model) => number): number => Math.max(0, ...models.map(of))
  return {
    timezone: project.timezone,
    rawSchema: project.rawSchema,
    time:
      item === undefined
        ? undefined
        : { column: item.name, expr: item.expr, watermarkMs: timed?.model.watermarkMs ?? 0 },
    sessionHoldMs: latest((one) => (one.session?.pauseMs ?? 0) + sessionLateness(one)),
    stateMs: Math.max(
      latest((one) => one.dedupe?.horizonMs ?? 0),
      latest((one) => computeWindowMs(one) + (one.latenessMs ?? 0)),
    ),
    macros: project.macros,
    findModel: (name) => models.find((one) => one.name === name),
    explainNull: traceNullable(selects, project.rawSchema),
    findSeed: (name) => project.seeds?.find((one) => one.name === name),
  }
}

function sessionLateness({ kind, latenessMs }: Model): number {
  return kind === 'session' ? (latenessMs ?? 0) : 0
}

function computeWindowMs(model: Model): number {
  if (model.window === undefined) return 0
  return model.window.unit === 'ms' ? model.window.sizeMs : 25 * 3_600_000
}

function toLogicalColumns(
  columns: readonly { readonly name: string; readonly type: string }[],
): readonly Column[] {
  return columns.map(({ name, type }) => ({ name, type: parseType(type) ?? { is: 'NULL' } }))
}
