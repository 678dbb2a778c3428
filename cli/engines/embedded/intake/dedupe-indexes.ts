/** The two indexes of an engine, and the memory that they leave for DuckDB. */
import { openUnnamedFile } from '../../../adapters/files/unnamed-file.ts'
import type { StoredIds } from '../checkpoint/state-files.ts'
import { DedupeIndex } from './dedupe-index.ts'
import { IdStore } from './id-store.ts'

/** The ids by which arrivals are deduplicated. */
export interface DedupeIndexes {
  readonly events: DedupeIndex
  /** Order ids of purchases; never advanced, so it forgets none. Absent: orders may repeat. */
  readonly orders?: DedupeIndex | undefined
}

/**
 * The indexes that a model with this `dedupe` needs, with the ids of the state files. Whole ids lie
 * on the disk of `directory`.
 */
export async function restoreIndexes(
  dedupe: { readonly horizonMs: number; readonly orderKey?: string } | undefined,
  stored: AsyncIterable<StoredIds>,
  directory: string,
): Promise<DedupeIndexes> {
  const create = (horizonMs: number) =>
    new DedupeIndex(horizonMs, new IdStore(() => openUnnamedFile(directory)))
  const events = create(dedupe?.horizonMs ?? 0)
  const orders = dedupe?.orderKey === undefined ? undefined : create(0)
  try {
    for await (const { kind, words } of stored) {
      if (kind === 'seen') events.restore(words)
      else orders?.restore(words)
    }
    return { events, orders }
  } catch (error) {
    for (const one of listIndexes({ events, orders })) one.close()
    throw error
  }
}

/** Both, or the one that there is. */
export function listIndexes({ events, orders }: DedupeIndexes): readonly DedupeIndex[] {
  return orders ? [events, orders] : [events]
}

/** The part of the memory limit that DuckDB has at least, however many ids are remembered. */
const LEAST_SHARE = 3 / 8

/** What the remembered ids leave of the memory limit, in bytes. */
export function shareOfDuckDb(memoryLimitBytes: number, indexes: DedupeIndexes): number {
  const least = Math.ceil(memoryLimitBytes * LEAST_SHARE)
  const ids = listIndexes(indexes).reduce((sum, one) => sum + one.bytes, 0)
  return Math.max(least, memoryLimitBytes - ids)
}
