/** Validates single records for callers that pass bytes on instead of turning them into rows. */
import type { Gate, InvalidRecord } from './gate.ts'

/** Why the record is invalid, with the message that the engine gives; undefined if it is valid. */
export function validateRecord(
  gate: Gate,
  bytes: Buffer,
  appendMs: number,
): InvalidRecord | undefined {
  const { source, columns } = gate
  const latestMs = appendMs + gate.futureToleranceMs
  source.load(bytes)
  let outcome = gate.decode(0, bytes.length, 0, latestMs)
  if (outcome === 2) {
    const again = gate.reencode(bytes, appendMs)
    const at = again === undefined ? -1 : source.add(again)
    outcome = again === undefined ? 0 : gate.decode(at, at + again.length, 0, latestMs)
  }
  // The columns are scratch space here: the row is dropped.
  columns.discardRow(0)
  return outcome === 1 ? undefined : gate.explain(bytes, appendMs)
}
