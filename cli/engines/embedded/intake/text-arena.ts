/**
 * Memory owned by DuckDB into which text values can point: each text is copied once into a vector
 * that is never read, and lives until the vector is reset.
 */
import type { DuckBindings, DuckChunk, DuckVector } from '../../../adapters/duckdb/duckdb.ts'

/** With more text than this, the arena is full. */
const BYTES_MAX = 32 * 1024 * 1024
/** DuckDB stores texts up to this length inside the value itself. */
const INLINE_BYTES = 12
const BLOB_TYPE = 18

/** A 64-bit memory address as two unsigned 32-bit words. */
export interface Address {
  readonly low: number
  readonly high: number
}

/** One per writer of rows; cleared whenever its rows are in the table. */
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

  /** Copies the bytes and returns their address; zero for texts that fit into the value itself. */
  copy(bytes: Uint8Array): Address {
    const words = this.#assign(bytes)
    return bytes.length > INLINE_BYTES
      ? { low: words.getUint32(8, true), high: words.getUint32(12, true) }
      : { low: 0, high: 0 }
  }

  /** Writes the text as a `duckdb_string_t`, which takes four words. */
  writeString(text: string, into: Int32Array): void {
    const words = this.#assign(new TextEncoder().encode(text))
    for (let i = 0; i < 4; i++) into[i] = words.getInt32(i * 4, true)
  }

  /** Frees all texts; addresses returned before are invalid. */
  clear(): void {
    if (this.#bytes === 0) return
    this.#duck.data_chunk_reset(this.#chunk)
    this.#vector = this.#duck.data_chunk_get_vector(this.#chunk, 0)
    this.#bytes = 0
  }

  /** Copies the bytes to the vector's heap and returns the entry that DuckDB made of them. */
  #assign(bytes: Uint8Array): DataView {
    this.#bytes += bytes.length
    this.#duck.vector_assign_string_element_len(this.#vector, 0, bytes)
    const data = this.#duck.vector_get_data(this.#vector, 16)
    return new DataView(data.buffer, data.byteOffset, 16)
  }
}
