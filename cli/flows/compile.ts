/**
 * Use case: say what each engine would run for the models. DuckDB parses, expands and describes; dialects
 * print. Nothing is run but views over empty tables in memory.
 */
import {
  type CompiledModel,
  type Dialect,
  type DialectInput,
  type DialectProject,
  unsupported,
} from '../core/dialect.ts'
import { CcsError, EXIT, type Location, throwAll } from '../core/errors.ts'
import { type GraphModel, originOf } from '../core/graph.ts'
import type { Model } from '../core/model.ts'
import { selectTree } from '../core/read-tree.ts'
import { expandMacros, locate, type MacroSet } from '../core/sql-ast.ts'
import type { Item, Select } from '../core/sql-tree.ts'
import { type Column, type EngineName, typeFromText } from '../core/sql-types.ts'
import { didYouMean } from '../core/suggest.ts'

/** A DuckDB of one's own, in memory. */
export interface SqlBench {
  run(sql: string): Promise<unknown>
  /** Columns of DESCRIBE, in order. */
  describe(sql: string): Promise<readonly { readonly name: string; readonly type: string }[]>
  printSql(json: string): Promise<string>
}

export interface CompileProject {
  /** In topological order. */
  readonly models: readonly GraphModel[]
  readonly macros: MacroSet
  readonly macrosSql: string
  readonly timezone: string
  /** Columns of raw.events with DuckDB's types, as the engine fills it. */
  readonly rawColumns: readonly { readonly name: string; readonly type: string }[]
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
  const raw = project.rawColumns.map((one) => `"${one.name}" ${one.type}`).join(', ')
  await bench.run(project.macrosSql)
  await bench.run(`SET VARIABLE shop_timezone = '${project.timezone.replaceAll("'", "''")}'`)
  await bench.run('SET VARIABLE now_ms = 0')
  for (const schema of ['raw', 'bronze', 'silver', 'gold'])
    await bench.run(`CREATE SCHEMA ${schema}`)
  await bench.run(`CREATE TABLE raw.events (${raw})`)
  const columns = new Map<string, readonly Column[]>([
    ['raw.events', logicalColumns(project.rawColumns)],
  ])
  const faults: CcsError[] = []
  const broken = new Set<string>()
  for (const { model, reads } of project.models) {
    if (reads.some((name) => broken.has(name))) {
      broken.add(model.name)
      continue
    }
    try {
      await bench.run(`CREATE VIEW ${model.name} AS\n${model.sql}`)
      columns.set(model.name, logicalColumns(await bench.describe(`DESCRIBE ${model.name}`)))
    } catch (cause) {
      broken.add(model.name)
      faults.push(binderError(model, cause))
    }
  }
  throwAll(faults)
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
  return selectTree(expandMacros(one.ast, macros, isExpanded))
}

function sharedOf(
  selects: readonly { readonly model: Model; readonly select: Select }[],
  project: CompileProject,
): DialectProject {
  const models = selects.map((one) => one.model)
  const timed = selects.find((one) => one.model.watermarkMs !== undefined)
  const item: Item | undefined = timed?.select.items.find((one) => one.name === timed.model.time)
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
    modelOf: (name) => models.find((one) => one.name === name),
  }
}

function windowMs(model: Model): number {
  if (model.window === undefined) return 0
  return model.window.unit === 'ms' ? model.window.sizeMs : 25 * 3_600_000
}

function logicalColumns(
  columns: readonly { readonly name: string; readonly type: string }[],
): readonly Column[] {
  return columns.map(({ name, type }) => ({ name, type: typeFromText(type) ?? { is: 'NULL' } }))
}

/** DuckDB's refusal as an error in the model's file. DuckDB shows the line and marks the place with a caret. */
function binderError(model: Model, cause: unknown): CcsError {
  const text = cause instanceof Error ? cause.message : String(cause)
  const [head = '', ...rest] = text.split('\n')
  const isHint = (line: string): boolean => /^(Candidate|Did you mean|Try)/i.test(line.trim())
  const message = head.replace(/^[A-Za-z ]+ Error:\s*/, '').trim()
  const hint = rest.find(isHint)?.trim()
  return new CcsError('CCS_MODEL_INVALID', message.replace(/[.!]*$/, '.'), {
    exit: EXIT.usage,
    location: caretPlace(model, rest),
    hint: hint ?? 'Check the names in this line against the models it reads.',
    cause,
  })
}

/** `LINE 3: SELECT nope` with `^` below it; line 1 of the statement is the CREATE VIEW before the SELECT. */
function caretPlace(model: Model, lines: readonly string[]): Location {
  const index = lines.findIndex((one) => /^LINE \d+:/.test(one))
  const shown = lines[index] ?? ''
  const label = /^LINE (\d+): /.exec(shown)
  if (label === null) return locate(originOf(model), undefined)
  const row = Number(label[1]) - 2
  const line = model.sql.split('\n')[row] ?? ''
  const caret = (lines[index + 1] ?? '').indexOf('^') - label[0].length
  const excerpt = shown.slice(label[0].length).replace(/^\.\.\.|\.\.\.$/g, '')
  const shift = shown.startsWith('...', label[0].length) ? 3 : 0
  const start = Math.max(0, line.indexOf(excerpt))
  return {
    file: model.file,
    line: model.sqlLine + row,
    column: start + Math.max(0, caret - shift) + 1,
    text: line,
  }
}
