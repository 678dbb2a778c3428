/**
 * Puts pseudonyms into decoded rows. They are in no record, so DuckDB gets a copy of all of a
 * batch's pseudonyms at once, just before the rows are passed to it.
 */
import type { Column, ColumnBuffers } from '../../../domain/gate/decoder/duckdb-columns.ts'
import { type ClassifiedField, PSEUDONYM_LENGTH } from '../../../domain/privacy/field-classes.ts'
import type { Pseudonymiser, PseudonymSource } from '../../../domain/privacy/pseudonymiser.ts'
import type { RowTexts } from './row-texts.ts'
import type { TextArena } from './text-arena.ts'

interface Classified {
  readonly field: ClassifiedField
  readonly column: Column
}

/** Of one writer of rows. */
export class PseudonymColumns {
  readonly #openPseudonymiser: () => Pseudonymiser
  readonly #buffers: ColumnBuffers
  readonly #texts: RowTexts
  readonly #classified: readonly Classified[]
  #pseudonymiser: Pseudonymiser | undefined
  #pending: Buffer
  /** Positions of the values that await the address of their pseudonym, in its order. */
  readonly #values: number[] = []

  /** The pseudonymiser is opened with the first row that needs it. */
  constructor({ fields, open }: PseudonymSource, buffers: ColumnBuffers, texts: RowTexts) {
    this.#openPseudonymiser = open
    this.#buffers = buffers
    this.#texts = texts
    this.#classified = fields.map((field) => ({ field, column: buffers.column(field.name) }))
    this.#pending = Buffer.alloc(buffers.rowsMax * fields.length * PSEUDONYM_LENGTH)
  }

  /** Replaces the row's values; call it while the source has the address of the row's texts. */
  replace(row: number, eventMs: number): void {
    const { u8, i32 } = this.#buffers
    for (const { field, column } of this.#classified) {
      const { at, validAt, width } = column
      if (field.pii === 'drop') {
        const byte = validAt + (row >> 3)
        u8[byte] = (u8[byte] ?? 0) & ~(1 << (row & 7))
        u8.fill(0, at + row * width, at + (row + 1) * width)
        continue
      }
      const bytes = this.#texts.read(column, row)
      if (bytes === undefined) continue
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
      this.#pseudonymiser ??= this.#openPseudonymiser()
      const pseudonym = this.#pseudonymiser.replace(field, text, eventMs)
      if (pseudonym === text || pseudonym === null) continue
      const value = at + row * width
      const written = this.#values.push(value) - 1
      const from = written * PSEUDONYM_LENGTH
      this.#pending.write(pseudonym, from, 'latin1')
      i32[value >> 2] = PSEUDONYM_LENGTH
      u8.set(this.#pending.subarray(from, from + 4), value + 4)
    }
  }

  /** Lets DuckDB keep the pseudonyms, and writes their addresses into the rows. */
  place(arena: TextArena): void {
    if (this.#values.length === 0) return
    const { i32 } = this.#buffers
    const { low, high } = arena.copy(
      this.#pending.subarray(0, this.#values.length * PSEUDONYM_LENGTH),
    )
    for (const [index, value] of this.#values.entries()) {
      const address = low + index * PSEUDONYM_LENGTH
      i32[(value >> 2) + 2] = address | 0
      i32[(value >> 2) + 3] = address > 0xffff_ffff ? high + 1 : high
    }
    this.#values.length = 0
  }
}
