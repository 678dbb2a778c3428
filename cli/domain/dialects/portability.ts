/** Which engine can run which model, and which function of the portable subset, as tables. */
import { ENGINE_NAMES, ENGINES, type EngineColumn, type EngineName } from '../config/engines.ts'
import type { CompiledModel } from './dialect.ts'
import { FUNCTION_IDIOMS, type FunctionIdioms } from './idioms/functions.ts'

/** Whether an engine can run something, and how. */
export interface Portability {
  readonly ok: boolean
  /** Why it can't run, or how its rows may differ; whole sentences. */
  readonly reasons: readonly string[]
}

/** A row of the table: whether each engine can run one thing. */
export type PortabilityRow = Readonly<Record<EngineColumn, Portability>>

/** One model in every engine. */
export type ModelPortability = { readonly model: string } & PortabilityRow

/** One function of the portable subset in every engine. */
export type FunctionPortability = { readonly function: string } & PortabilityRow

/** Builds a row by calling `ask` for each engine. */
export function buildRow(ask: (engine: EngineName) => Portability): PortabilityRow {
  const cells = ENGINE_NAMES.map((name) => [ENGINES[name].column, ask(name)] as const)
  return Object.fromEntries(cells) as PortabilityRow // a cell for each engine
}

/** Whether an engine can run a compiled model. */
export function assessModel({ faults, notes }: CompiledModel): Portability {
  const ok = faults.length === 0
  const reasons = ok ? notes : faults.map((one) => one.message)
  return { ok, reasons: [...new Set(reasons)] }
}

/** Lists the functions that a portable model may use, by name. */
export function listFunctions(): readonly FunctionPortability[] {
  return Object.entries(FUNCTION_IDIOMS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, idioms]) => ({
      function: name === 'count_star' ? 'count(*)' : name,
      ...buildRow((engine) => assessIdiom(idioms, engine)),
    }))
}

/** An engine that runs the models' own SQL has every function. */
function assessIdiom(idioms: FunctionIdioms, engine: EngineName): Portability {
  const idiom = Object.entries(idioms).find(([name]) => name === engine)?.[1]
  return idiom === undefined || typeof idiom === 'function'
    ? { ok: true, reasons: [] }
    : { ok: false, reasons: [idiom.instead] }
}

/** Prints a cell of the table: ✓, ✓ with what differs, or ✗ with the reason. */
export function printPortability({ ok, reasons }: Portability): string {
  if (!ok) return `✗ ${reasons.join(' ')}`
  return reasons.length === 0 ? '✓' : `✓ ${reasons.join(' ')}`
}
