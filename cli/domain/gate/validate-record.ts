/** The gate's verdict on one record by itself, for who passes bytes on instead of making rows of them. */
import type { Gate, Refusal } from './gate.ts'

/** Why the record does not keep the contract, exactly as the engine would say it; undefined: it does. */
export function sift(gate: Gate, bytes: Buffer, appendMs: number): Refusal | undefined {
  const { source, columns } = gate
  const latestMs = appendMs + gate.futureToleranceMs
  source.load(bytes)
  let verdict = gate.admit(0, bytes.length, 0, latestMs)
  if (verdict === 2) {
    const again = gate.rewritten(bytes, appendMs)
    const at = again === undefined ? -1 : source.add(again)
    verdict = again === undefined ? 0 : gate.admit(at, at + again.length, 0, latestMs)
  }
  // The columns are only passed through: nothing stays in them.
  columns.reject(0)
  return verdict === 1 ? undefined : gate.explain(bytes, appendMs)
}
