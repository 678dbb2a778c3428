/** Recognizes events of persons who were erased, in the rows that the gate has just decoded. */
import type { ErasedIds, Person } from '../../../domain/erase/erased-ids.ts'
import type { Column, ColumnBuffers } from '../../../domain/gate/decoder/duckdb-columns.ts'
import type { SourceBytes } from '../../../domain/gate/decoder/source-bytes.ts'

/** Texts up to this length stand in the value itself. */
const INLINE_BYTES = 12

const FIELDS: readonly (readonly [Person['kind'], string])[] = [
  ['customer', 'customer_id'],
  ['visitor', 'anonymous_id'],
]

/** Reads the ids of a row where the decoder put them. */
export class PersonCheck {
  readonly #erased: ErasedIds
  readonly #buffers: ColumnBuffers
  readonly #source: SourceBytes
  readonly #columns: readonly (readonly [Person['kind'], Column])[]

  constructor(erased: ErasedIds, buffers: ColumnBuffers, source: SourceBytes) {
    this.#erased = erased
    this.#buffers = buffers
    this.#source = source
    this.#columns = FIELDS.flatMap(([kind, name]) => {
      const column = buffers.columns.find((one) => one.name === name)
      return column ? [[kind, column] as const] : []
    })
  }

  /** Call it while the source still has the address of the row's texts. */
  isErased(row: number): boolean {
    return this.#columns.some(([kind, column]) => {
      const id = this.#read(column, row)
      return id !== undefined && this.#erased.has(kind, id)
    })
  }

  #read({ at, validAt }: Column, row: number): Uint8Array | undefined {
    const { u8, i32 } = this.#buffers
    if (validAt >= 0 && ((u8[validAt + (row >> 3)] ?? 0) & (1 << (row & 7))) === 0) return undefined
    const value = at + row * 16
    const length = i32[value >> 2] ?? 0
    if (length <= INLINE_BYTES) return u8.subarray(value + 4, value + 4 + length)
    const position = ((i32[(value >> 2) + 2] ?? 0) - this.#source.low) >>> 0
    return this.#source.bytes.subarray(position, position + length)
  }
}
