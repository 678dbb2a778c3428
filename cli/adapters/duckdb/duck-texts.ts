/**
 * Reads texts from a chunk of DuckDB's rows without its public API. A vector has 16 bytes per
 * text: the length, then the text itself, or for more than 12 bytes a prefix of 4 and its address.
 */

const INLINE_MAX = 12

/** The functions of DuckDB's C API that read a chunk. */
export interface ChunkBindings<Chunk, Vector> {
  data_chunk_get_size(chunk: Chunk): number
  data_chunk_get_vector(chunk: Chunk, column: number): Vector
  vector_get_data(vector: Vector, bytes: number): Uint8Array
  get_data_from_pointer(buffer: ArrayBuffer, offset: number, bytes: number): Uint8Array
}

/** The first column of a chunk, which must have no NULL. */
export function readFirstTexts<Chunk, Vector>(
  bindings: ChunkBindings<Chunk, Vector>,
  chunk: Chunk,
): string[] {
  const size = bindings.data_chunk_get_size(chunk)
  const data = bindings.vector_get_data(bindings.data_chunk_get_vector(chunk, 0), size * 16)
  const { buffer, byteOffset } = data
  const view = new DataView(buffer, byteOffset, data.byteLength)
  return Array.from({ length: size }, (_, index) => {
    const at = index * 16
    const length = view.getUint32(at, true)
    // DuckDB's own memory, never shared between threads.
    const bytes =
      length <= INLINE_MAX
        ? data.subarray(at + 4, at + 4 + length)
        : bindings.get_data_from_pointer(buffer as ArrayBuffer, byteOffset + at + 8, length)
    return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString()
  })
}
