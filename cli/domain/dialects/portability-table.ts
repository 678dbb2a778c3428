/** Which engine can run which model, and which function of the portable subset, as tables. */

import { FUNCTIONS } from '../sql/functions.ts'
import type { EngineName } from '../sql/types.ts'
import type { CompiledModel } from './dialect.ts'

/** What an engine makes of a model. */
export interface Verdict {
  readonly ok: boolean
  /** Why it can't run, or how its rows may differ; whole sentences. */
  readonly reasons: readonly string[]
}

export type ModelPortability = { readonly model: string } & Readonly<Record<EngineName, Verdict>>

export type FunctionPortability = { readonly function: string } & Readonly<
  Record<EngineName, Verdict>
>

export function verdictOf(compiled: CompiledModel): Verdict {
  const ok = compiled.faults.length === 0
  const reasons = ok ? compiled.notes : compiled.faults.map((one) => one.message)
  return { ok, reasons: [...new Set(reasons)] }
}

/** The functions that a portable model may use, by name; DuckDB runs them all. */
export function functionPortability(): readonly FunctionPortability[] {
  return Object.entries(FUNCTIONS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, entry]) => ({
      function: name === 'count_star' ? 'count(*)' : name,
      local: { ok: true, reasons: [] },
      flink: idiomVerdict(entry.flink),
      ksqldb: idiomVerdict(entry.ksqldb),
    }))
}

function idiomVerdict(idiom: (typeof FUNCTIONS)[string]['flink']): Verdict {
  return typeof idiom === 'function'
    ? { ok: true, reasons: [] }
    : { ok: false, reasons: [idiom.instead] }
}

/** A cell of the table: ✓, ✓ with what differs, or the reason. */
export function verdictText({ ok, reasons }: Verdict): string {
  if (!ok) return `✗ ${reasons.join(' ')}`
  return reasons.length === 0 ? '✓' : `✓ ${reasons.join(' ')}`
}
