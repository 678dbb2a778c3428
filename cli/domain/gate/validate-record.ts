/** The gate's verdict on one record by itself, for who passes bytes on instead of making rows of them. */
import type { Gate, InvalidRecord } from './gate.ts'

/** Why the record does not keep the contract, exactly as the engine would say it; undefined: it does. */
export function validateRecord(
  gate: Gate,
  bytes: Buffer,
  appendMs: number,
): InvalidRecord | undefined {
  const { source, columns } = gate
  const latestMs = appendMs + gate.futureToleranceMs
  source.load(bytes)
  let verdict = gate.decode(0, bytes.length, 0, latestMs)
  if (verdict === 2) {
    const again = gate.reencode(bytes, appendMs)
    const at = again === undefined ? -1 : source.add(again)
    verdict = again === undefined ? 0 : gate.decode(at, at + again.length, 0, latestMs)
  }
  // The columns are only passed through: nothing stays in them.
  columns.discardRow(0)
  return verdict === 1 ? undefined : gate.explain(bytes, appendMs)
}
