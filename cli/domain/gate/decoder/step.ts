/**
 * The steps of a decoder: one for each field of the writer's schema, in the order of its bytes,
 * then one for each field that only the reader has. All steps have one shape, so that the functions
 * in read.ts stay monomorphic and fast.
 */
import type { Column } from './duckdb-columns.ts'
import type { LineChecks } from './line-checks.ts'

/** Constants: `none` null, `word` 32 bits, `pair` 64 bits, `flag` 8 bits, `empty` an empty list. */
export type StepKind =
  | 'text'
  | 'order'
  | 'uuid'
  | 'currency'
  | 'bytes'
  | 'boolean'
  | 'int'
  | 'long'
  | 'widened'
  | 'float'
  | 'double'
  | 'enum'
  | 'list'
  | 'none'
  | 'word'
  | 'pair'
  | 'flag'
  | 'empty'

/** Fields with a clock reading of the event, in the order of `DecodeState.times`. */
export const CLOCK_FIELDS: readonly string[] = ['event_ts', 'sent_ts', 'received_ts']
/** The slot in `times` for all other numbers. */
const NO_CLOCK = CLOCK_FIELDS.length

const NO_SYMBOLS = new Uint8Array(0)

/** How to read, check and store one field. */
export class Step {
  next: Step | undefined = undefined
  kind: StepKind
  /** False: the bytes are checked against the format and skipped. */
  readonly isKept: boolean
  /** The union branch that means null, zigzag-encoded; -1 if the field is not a union. */
  nullChoice = -1
  /** Where the column's values begin, in units of its words (1 or 4 bytes, 8 for double). */
  readonly at: number
  /** Byte position of the validity bits; -1: never null. */
  readonly validAt: number
  /** Bytes of a value in the column. */
  readonly width: number
  /** Bounds of a text, in bytes. */
  lengthMin = 0
  lengthMax = 0x7fffffff
  /** Bounds of a number. NaN is out of bounds if there are any. */
  minimum = Number.NEGATIVE_INFINITY
  maximum = Number.POSITIVE_INFINITY
  isBounded = false
  /** Given in milliseconds, stored as microseconds. */
  isMillis = false
  /** Index in `times`. */
  clock = NO_CLOCK
  /** The record's id, which is returned in DecodedEvent. */
  isId = false
  /** The reader's index of each symbol of the writer. */
  symbols: Uint8Array = NO_SYMBOLS
  /** Steps of a list's items, the list's index, and the most items of a row. */
  items: Step | undefined = undefined
  readonly list: number
  readonly itemsMax: number
  /** Rules about a list's items; undefined if there are none. */
  lines: LineChecks | undefined = undefined
  /** Low and high word of a constant. */
  low = 0
  high = 0

  /** Without a column the value is not kept. */
  constructor(kind: StepKind, column: Column | undefined) {
    this.kind = kind
    this.isKept = column !== undefined
    this.width = column?.width ?? 0
    this.at = (column?.at ?? 0) / wordBytes(column)
    this.validAt = column?.validAt ?? -1
    this.list = column?.list ?? -1
    this.itemsMax = column?.itemsMax ?? 0
  }
}

/** Links each step to the next; returns the first. */
export function linkSteps(steps: readonly Step[]): Step | undefined {
  for (const [i, step] of steps.entries()) step.next = steps[i + 1]
  return steps[0]
}

function wordBytes(column: Column | undefined): number {
  if (column === undefined || column.width === 1) return 1
  return column.type === 'DOUBLE' ? 8 : 4
}
