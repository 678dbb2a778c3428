/**
 * Compiles all models of a project to one job of Flink: tables and views that are created first,
 * and an INSERT for each model with a topic. All INSERTs are executed together, so that the job
 * reads its source once.
 */
import { hashText, printCanonicalJson } from '../../../domain/deploy/plan/resource-content.ts'
import { type CompileProject, toDialectInputs } from '../../../domain/dialects/compile.ts'
import {
  type CompiledModel,
  type Statement,
  toUnsupportedError,
} from '../../../domain/dialects/dialect.ts'
import { throwAll } from '../../../domain/kernel/errors.ts'
import { followReads } from '../../../domain/models/follow-reads.ts'
import type { Model } from '../../../domain/models/model.ts'
import { isUpserted } from './ddl.ts'
import { compileFlink } from './dialect.ts'

/** A statement, and the model that it was compiled from. */
export interface ModelStatement extends Statement {
  readonly model: Model
}

/** A model whose rows the job writes into a topic. */
export interface SinkModel {
  readonly model: Model
  /** Whether rows replace one another by the model's key. */
  readonly isUpserted: boolean
  /** Changes when the job would compute other rows; independent of prefix and version. */
  readonly fingerprint: string
  readonly table: ModelStatement
  readonly insert: ModelStatement
}

/** A project as one job; names and addresses are still ${VARIABLES}. */
export interface ProjectJob {
  /** Settings, functions and the source. */
  readonly head: readonly ModelStatement[]
  /** Each after those that it reads. */
  readonly views: readonly ModelStatement[]
  readonly sinks: readonly SinkModel[]
  /** How the rows of a model may differ from those of its SELECT, by name: one sentence each. */
  readonly notes: ReadonlyMap<string, readonly string[]>
}

/** Throws CCS_SQL_UNSUPPORTED, with every place, for models that Flink can't run. */
export async function compileProjectJob(project: CompileProject): Promise<ProjectJob> {
  const compiled: { readonly model: Model; readonly compiled: CompiledModel }[] = []
  for (const input of toDialectInputs(project))
    compiled.push({ model: input.model, compiled: await compileFlink(input, refusePrinting) })
  throwAll(
    compiled.flatMap(({ model, compiled: { faults } }) =>
      faults.map((fault) => {
        const setting = `flink: { without: [${model.name}] }`
        const hint = `${fault.hint} Or exclude it from this target in ccs.yml: ${setting}`
        return toUnsupportedError(model, { ...fault, hint })
      }),
    ),
  )
  const all = compiled.flatMap(({ model, compiled: { statements } }) =>
    statements.map((one) => ({ ...one, model })),
  )
  const pick = (...kinds: readonly string[]) => all.filter((one) => kinds.includes(one.what))
  const head = pick('setting', 'function', 'source')
  const views = pick('view')
  const reads = new Map(project.models.map((one) => [one.model.name, one.reads]))
  const inserts = pick('insert')
  const sinks = pick('sink').flatMap((table): readonly SinkModel[] => {
    const { model } = table
    const insert = inserts.find((one) => one.model === model)
    if (insert === undefined) return []
    const read = followReads([model.name], (name) => reads.get(name))
    const chain = views.filter((one) => read.has(one.model.name))
    const parts = [...head, ...chain, table, insert].map((one) => one.sql)
    const fingerprint = hashText(printCanonicalJson(parts))
    return [{ model, isUpserted: isUpserted(model), fingerprint, table, insert }]
  })
  const notes = new Map(compiled.map((one) => [one.model.name, one.compiled.notes]))
  return { head, views, sinks, notes }
}

function refusePrinting(): never {
  throw new Error('the dialect of Flink prints its SQL by itself')
}
