/**
 * Use case: say what each engine would run for the models. DuckDB parses, expands and describes; dialects
 * print. Nothing is run but views over empty tables in memory.
 */

import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT, throwAll } from '../kernel/errors.ts'
import { type BindDatabase, type BindProject, bindModels } from '../models/bind-models.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Model } from '../models/model.ts'
import type { Seed } from '../models/seed.ts'
import { expandMacros, type MacroSet } from '../sql/ast.ts'
import { readSelect } from '../sql/read-tree.ts'
import type { Select, SelectItem } from '../sql/tree.ts'
import { type Column, type EngineName, parseType } from '../sql/types.ts'
import {
  type CompiledModel,
  type Dialect,
  type DialectInput,
  type DialectProject,
  unsupported,
} from './dialect.ts'

/** A DuckDB of one's own, in memory. */
export interface SqlBench extends BindDatabase {
  printSql(json: string): Promise<string>
}

export interface CompileProject extends BindProject {
  readonly models: readonly GraphModel[]
  readonly macros: MacroSet
  /** Those that models join. */
  readonly seeds?: readonly Seed[]
  readonly itemsMax: number
}

export interface Dialects {
  readonly local: (input: DialectInput, printSql: SqlBench['printSql']) => Promise<CompiledModel>
  readonly flink: Dialect
  readonly ksqldb: Dialect
}

export interface CompileResult {
  readonly model: Model
  readonly engine: EngineName
  readonly compiled: CompiledModel
}

/** Macros that engines have an idiom of their own for; all others are put in place. */
const IDIOMS = ['shop_day', 'right_now', 'lines_revenue', 'lines_units']

/**
 * Compiles models for an engine. `only` names one model. Throws what DuckDB's binder refuses (all models,
 * CCS_MODEL_INVALID); what an engine can't run stays in each result's faults.
 */
export async function compileModels(
  project: CompileProject,
  engine: EngineName,
  tools: { readonly bench: SqlBench; readonly dialects: Dialects },
): Promise<readonly CompileResult[]> {
  const inputs = await dialectInputs(project, tools.bench)
  const results: CompileResult[] = []
  for (const input of inputs) {
    const compiled =
      engine === 'local'
        ? await tools.dialects.local(input, (json) => tools.bench.printSql(json))
        : tools.dialects[engine](input)
    results.push({ model: input.model, engine, compiled })
  }
  return results
}

/** The one model of that name, or all; CCS_USAGE_INVALID for an unknown name. */
export function pickModels(
  results: readonly CompileResult[],
  name: string | undefined,
): readonly CompileResult[] {
  if (name === undefined) return results
  const found = results.filter((one) => one.model.name === name)
  if (found.length > 0) return found
  const names = results.map((one) => one.model.name)
  throw new CcsError('CCS_USAGE_INVALID', `There is no model '${name}'.`, {
    exit: EXIT.usage,
    hint: didYouMean(name, names),
  })
}

/** Throws CCS_SQL_UNSUPPORTED with all that the engine can't run. */
export function requireSupported(results: readonly CompileResult[]): void {
  throwAll(
    results.flatMap(({ model, compiled }) => compiled.faults.map((one) => unsupported(model, one))),
  )
}

async function dialectInputs(
  project: CompileProject,
  bench: SqlBench,
): Promise<readonly DialectInput[]> {
  const bound = await bindModels(project, bench)
  const columns = new Map([
    ...[...bound].map(([name, some]) => [name, logicalColumns(some)] as const),
    ...(project.seeds ?? []).map((one) => [one.name, one.columns] as const),
  ])
  const selects = project.models.map((one) => ({ ...one, select: treeOf(one, project.macros) }))
  const shared = sharedOf(selects, project)
  return selects.map(({ model, ast, select }) => ({
    model,
    ast,
    select,
    columns: columns.get(model.name) ?? [],
    columnsOf: (name) => columns.get(name) ?? [],
    project: shared,
  }))
}

function treeOf(one: GraphModel, macros: MacroSet): Select {
  const isExpanded = (macro: { name: string; isTable: boolean }): boolean =>
    !macro.isTable && !IDIOMS.includes(macro.name)
  return readSelect(expandMacros(one.ast, macros, isExpanded))
}

function sharedOf(
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
    itemsMax: project.itemsMax,
    time:
      item === undefined
        ? undefined
        : { column: item.name, expr: item.expr, watermarkMs: timed?.model.watermarkMs ?? 0 },
    sessionLatenessMs: latest((one) => (one.kind === 'session' ? (one.latenessMs ?? 0) : 0)),
    stateMs: Math.max(
      latest((one) => one.dedupe?.horizonMs ?? 0),
      latest((one) => windowMs(one) + (one.latenessMs ?? 0)),
    ),
    macros: project.macros,
    modelOf: (name) => models.find((one) => one.name === name),
    seedOf: (name) => project.seeds?.find((one) => one.name === name),
  }
}

function windowMs(model: Model): number {
  if (model.window === undefined) return 0
  return model.window.unit === 'ms' ? model.window.sizeMs : 25 * 3_600_000
}

function logicalColumns(
  columns: readonly { readonly name: string; readonly type: string }[],
): readonly Column[] {
  return columns.map(({ name, type }) => ({ name, type: parseType(type) ?? { is: 'NULL' } }))
}
