/** Use case: compile every model for every engine and say which can run it. */
import { ENGINE_NAMES, type EngineName } from '../config/engines.ts'
import type { CompileResult } from './compile.ts'
import {
  assessModel,
  buildRow,
  type FunctionPortability,
  listFunctions,
  type ModelPortability,
} from './portability.ts'

/** The `--json` document of `ccs portability`. */
export interface PortabilityResult {
  readonly models: readonly ModelPortability[]
  readonly functions: readonly FunctionPortability[]
}

/** Compares all engines; `compile` compiles all models for one of them. */
export async function comparePortability(
  compile: (engine: EngineName) => Promise<readonly CompileResult[]>,
): Promise<PortabilityResult> {
  const results = new Map<string, CompileResult>()
  const models = new Set<string>()
  for (const engine of ENGINE_NAMES)
    for (const result of await compile(engine)) {
      models.add(result.model.name)
      results.set(`${engine} ${result.model.name}`, result)
    }
  return {
    models: [...models].map((model) => ({
      model,
      ...buildRow((engine) => {
        const result = results.get(`${engine} ${model}`)
        return result
          ? assessModel(result.compiled)
          : { ok: false, reasons: ['It was not compiled.'] }
      }),
    })),
    functions: listFunctions(),
  }
}
