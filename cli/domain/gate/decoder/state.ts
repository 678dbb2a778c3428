/** What a decoder's steps share: the bytes, the columns, and what is known of the record so far. */
import type { ColumnBuffers } from './duckdb-columns.ts'
import { inlineMasks, type SourceBytes } from './source-bytes.ts'
import { CLOCK_FIELDS } from './step.ts'

/** One for each decoder; reused for every record. */
export class DecodeState {
  readonly u8: Uint8Array
  readonly i32: Int32Array
  readonly f32: Float32Array
  readonly f64: Float64Array
  readonly items: Int32Array
  readonly itemsNext: Int32Array
  readonly source: SourceBytes
  /** The event's id as four words. */
  readonly id: Int32Array
  /** Clock readings, ms, as in CLOCK_FIELDS, NaN if null; the last slot is for other numbers. */
  readonly times = new Float64Array(CLOCK_FIELDS.length + 1)
  /** The last number read, as a double. */
  readonly number = new Float64Array(1)
  readonly masks = inlineMasks()
  view: DataView
  /** Where the record ends. */
  end = 0
  /** Bytes [orderAt, orderEnd) of the source are the record's order id; orderAt -1: it has none. */
  orderAt = -1
  orderEnd = -1
  /** Items in all lists of the record. */
  itemsTotal = 0

  constructor(columns: ColumnBuffers, source: SourceBytes, id: Int32Array) {
    this.u8 = columns.u8
    this.i32 = columns.i32
    this.f32 = columns.f32
    this.f64 = columns.f64
    this.items = columns.items
    this.itemsNext = columns.itemsNext
    this.source = source
    this.view = source.view
    this.id = id
  }

  begin(end: number): void {
    this.view = this.source.view
    this.end = end
    this.itemsTotal = 0
    this.orderAt = -1
    this.times[0] = Number.NaN
    this.times[1] = Number.NaN
    this.times[2] = Number.NaN
  }
}
