/** Recognizes events of persons who were erased, in the rows that the gate has just decoded. */
import {
  type ErasedIds,
  ID_FIELD,
  PERSON_KINDS,
  type Person,
} from '../../../domain/erase/erased-ids.ts'
import type { Column, ColumnBuffers } from '../../../domain/gate/decoder/duckdb-columns.ts'
import type { RowTexts } from './row-texts.ts'

/** Reads the ids of a row where the decoder put them. */
export class PersonCheck {
  readonly #erased: ErasedIds
  readonly #texts: RowTexts
  readonly #columns: readonly (readonly [Person['kind'], Column])[]

  constructor(erased: ErasedIds, buffers: ColumnBuffers, texts: RowTexts) {
    this.#erased = erased
    this.#texts = texts
    this.#columns = PERSON_KINDS.flatMap((kind) => {
      const column = buffers.columns.find((one) => one.name === ID_FIELD[kind])
      return column ? [[kind, column] as const] : []
    })
  }

  /** Call it while the source still has the address of the row's texts. */
  isErased(row: number): boolean {
    return this.#columns.some(([kind, column]) => {
      const id = this.#texts.read(column, row)
      return id !== undefined && this.#erased.has(kind, id)
    })
  }
}
