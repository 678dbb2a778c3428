/**
 * Reads texts out of a chunk of DuckDB's rows without its public API. A vector of texts has 16 bytes for each: its
 * length and then itself, or 4 bytes of it and its address when it is longer than 12 bytes.
 */
import type { DuckBindings, DuckChunk } from './duckdb.ts'

const INLINE_MAX = 12

/** None of them is NULL. */
export function firstTexts(bindings: DuckBindings, chunk: DuckChunk): string[] {
  const size = bindings.data_chunk_get_size(chunk)
  const data = bindings.vector_get_data(bindings.data_chunk_get_vector(chunk, 0), size * 16)
  const { buffer, byteOffset } = data
  const view = new DataView(buffer, byteOffset, data.byteLength)
  return Array.from({ length: size }, (_, index) => {
    const at = index * 16
    const length = view.getUint32(at, true)
    // Memory of DuckDB's own, never shared between threads.
    const bytes =
      length <= INLINE_MAX
        ? data.subarray(at + 4, at + 4 + length)
        : bindings.get_data_from_pointer(buffer as ArrayBuffer, byteOffset + at + 8, length)
    return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString()
  })
}
