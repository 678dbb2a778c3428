/**
 * Sessions that the engine need not have written yet: a session is in its topic once the watermark
 * has passed its end and the pause after it. One of a run that is cut into parts is written with
 * the run.
 */
import { quoteName } from '../../../domain/kernel/sql-text.ts'
import type { Model } from '../../../domain/models/model.ts'
import type { SessionSpan } from '../query/plan-tables.ts'

/**
 * SELECT of the keys of sessions of `relation` that may still be under way. `watermarkMs` is null
 * while the engine has none: then all may be.
 */
export function printPendingSessions(
  model: Model,
  { keys, start, end }: SessionSpan,
  { relation, watermarkMs }: { readonly relation: string; readonly watermarkMs: number | null },
): string {
  const own = model.key.map(quoteName).join(', ')
  if (watermarkMs === null) return `SELECT ${own} FROM ${relation}`
  const pauseMs = model.session?.pauseMs ?? 0
  const by = keys.map(([, session]) => quoteName(session)).join(', ')
  const [first, last] = [quoteName(start), quoteName(end)]
  const over = (frame: string) => `OVER (PARTITION BY ${by}${frame})`
  const next = `lead(epoch_ms(${first})) ${over(` ORDER BY ${first}`)}`
  // Whether the visitor's newest session may be under way: then so may those that lead to it.
  const isOpen = `max(epoch_ms(${last})) ${over('')} + ${pauseMs} >= ${watermarkMs}`
  return `SELECT ${own} FROM ${relation} QUALIFY epoch_ms(${last}) + ${pauseMs} >= ${watermarkMs}
    OR (${next} - epoch_ms(${last}) <= ${pauseMs} AND ${isOpen})`
}
