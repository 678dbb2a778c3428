/** Reads texts of the row that the gate has just decoded, where the decoder put them. */
import type { Column, ColumnBuffers } from '../../../domain/gate/decoder/duckdb-columns.ts'
import type { SourceBytes } from '../../../domain/gate/decoder/source-bytes.ts'

/** Texts up to this length stand in the value itself. */
export const INLINE_BYTES = 12

/** Use it while the source still has the address of the row's texts. */
export class RowTexts {
  readonly #buffers: ColumnBuffers
  readonly #source: SourceBytes

  constructor(buffers: ColumnBuffers, source: SourceBytes) {
    this.#buffers = buffers
    this.#source = source
  }

  /** UTF-8, a view; undefined for null. */
  read({ at, validAt }: Column, row: number): Uint8Array | undefined {
    const { u8, i32 } = this.#buffers
    if (validAt >= 0 && ((u8[validAt + (row >> 3)] ?? 0) & (1 << (row & 7))) === 0) return undefined
    const value = at + row * 16
    const length = i32[value >> 2] ?? 0
    if (length <= INLINE_BYTES) return u8.subarray(value + 4, value + 4 + length)
    const position = ((i32[(value >> 2) + 2] ?? 0) - this.#source.low) >>> 0
    return this.#source.bytes.subarray(position, position + length)
  }
}
