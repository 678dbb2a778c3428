/** Use case: compile every model for every engine and say which can run it. */

import { ENGINES, type EngineName } from '../sql/types.ts'
import type { CompileResult } from './compile.ts'
import {
  type FunctionPortability,
  functionPortability,
  type ModelPortability,
  type Verdict,
  verdictOf,
} from './portability-table.ts'

export interface PortabilityResult {
  readonly models: readonly ModelPortability[]
  readonly functions: readonly FunctionPortability[]
}

/** `compile` compiles all models for one engine, in the same order each time. */
export async function comparePortability(
  compile: (engine: EngineName) => Promise<readonly CompileResult[]>,
): Promise<PortabilityResult> {
  const rows = new Map<string, Partial<Record<EngineName, Verdict>>>()
  for (const engine of ENGINES)
    for (const { model, compiled } of await compile(engine))
      rows.set(model.name, { ...rows.get(model.name), [engine]: verdictOf(compiled) })
  const none: Verdict = { ok: false, reasons: ['It was not compiled.'] }
  return {
    models: [...rows].map(([model, { local = none, flink = none, ksqldb = none }]) => ({
      model,
      local,
      flink,
      ksqldb,
    })),
    functions: functionPortability(),
  }
}
