/** The two indexes of an engine, and the memory that they leave for DuckDB. */
import { DedupeIndex, type EventIdWords } from './dedupe-index.ts'

/** The ids by which arrivals are deduplicated. */
export interface DedupeIndexes {
  readonly events: DedupeIndex
  /** Order ids of purchases; never advanced, so it forgets none. Absent: orders may repeat. */
  readonly orders?: DedupeIndex | undefined
}

/** The indexes that a model with this `dedupe` needs, with the ids of the state files. */
export function restoreIndexes(
  dedupe: { readonly horizonMs: number; readonly orderKey?: string } | undefined,
  stored: { readonly events: readonly EventIdWords[]; readonly orders: readonly EventIdWords[] },
): DedupeIndexes {
  const restore = (horizonMs: number, ids: readonly EventIdWords[]) => {
    const index = new DedupeIndex(horizonMs)
    for (const words of ids) index.restore(words)
    return index
  }
  return {
    events: restore(dedupe?.horizonMs ?? 0, stored.events),
    orders: dedupe?.orderKey === undefined ? undefined : restore(0, stored.orders),
  }
}

/** The part of the memory limit that DuckDB has at least, however many ids are remembered. */
const LEAST_SHARE = 3 / 8
/**
 * What DuckDB does without for each byte of ids. More than one, because the process takes more than
 * the limit in any case, and the more so the longer it runs.
 */
const SHARE_OF_IDS = 1.5

/** What the remembered ids leave of the memory limit, in bytes. */
export function shareOfDuckDb(memoryLimitBytes: number, { events, orders }: DedupeIndexes): number {
  const least = Math.ceil(memoryLimitBytes * LEAST_SHARE)
  const ids = SHARE_OF_IDS * (events.bytes + (orders?.bytes ?? 0))
  return Math.max(least, Math.floor(memoryLimitBytes - ids))
}
