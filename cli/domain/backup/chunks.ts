/**
 * A segment that grows is copied in chunks, one a backup. Chunks of similar size are replaced by
 * one, so that a segment of n backups has about log2(n) chunks and a byte is copied as often.
 */
import type { SavedChunk } from './snapshot.ts'

/** The chunks that stay, and the byte at which the next one begins; it ends at `end`. */
export function planChunk(
  chunks: readonly SavedChunk[],
  end: number,
): { readonly kept: readonly SavedChunk[]; readonly start: number } {
  const kept = [...chunks]
  const last = kept.at(-1)
  let start = last ? last.from + last.bytes : 0
  if (start === end) return { kept, start }
  for (;;) {
    const before = kept.at(-1)
    if (!before || before.bytes > 2 * (end - start)) return { kept, start }
    start = before.from
    kept.pop()
  }
}
