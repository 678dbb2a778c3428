/**
 * Memory of DuckDB's own that values of text may point into: each text given is copied once into a vector
 * that is never read, and lives until the vector is emptied.
 */
import type { DuckBindings, DuckChunk, DuckVector } from '../../../adapters/duckdb/duckdb.ts'

/** Beyond this much text the arena asks to be emptied. */
const BYTES_MAX = 32 * 1024 * 1024
/** Longest text that a value holds by itself. */
const INLINE_BYTES = 12
const BLOB_TYPE = 18

/** An address as two unsigned words. */
export interface Address {
  readonly low: number
  readonly high: number
}

export class TextArena {
  readonly #duck: DuckBindings
  readonly #chunk: DuckChunk
  #vector: DuckVector
  #bytes = 0

  constructor(duck: DuckBindings) {
    this.#duck = duck
    this.#chunk = duck.create_data_chunk([duck.create_logical_type(BLOB_TYPE)])
    this.#vector = duck.data_chunk_get_vector(this.#chunk, 0)
  }

  get isFull(): boolean {
    return this.#bytes > BYTES_MAX
  }

  /** Copies the bytes; where they are now. */
  copy(bytes: Uint8Array): Address {
    const words = this.#assign(bytes)
    return bytes.length > INLINE_BYTES
      ? { low: words.getUint32(8, true), high: words.getUint32(12, true) }
      : { low: 0, high: 0 }
  }

  /** The text as a `duckdb_string_t`, into four words. */
  writeString(text: string, into: Int32Array): void {
    const words = this.#assign(new TextEncoder().encode(text))
    for (let i = 0; i < 4; i++) into[i] = words.getInt32(i * 4, true)
  }

  /** Frees all; addresses given are void. */
  clear(): void {
    if (this.#bytes === 0) return
    this.#duck.data_chunk_reset(this.#chunk)
    this.#vector = this.#duck.data_chunk_get_vector(this.#chunk, 0)
    this.#bytes = 0
  }

  /** Copies the bytes and reads back the entry that DuckDB made of them; the vector's heap keeps all of them. */
  #assign(bytes: Uint8Array): DataView {
    this.#bytes += bytes.length
    this.#duck.vector_assign_string_element_len(this.#vector, 0, bytes)
    const data = this.#duck.vector_get_data(this.#vector, 16)
    return new DataView(data.buffer, data.byteOffset, 16)
  }
}
