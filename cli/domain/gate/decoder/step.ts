/**
 * The plan of a decoder: one step a field of the writer's schema, in the order of its bytes, then one a field
 * that only the reader has. Steps are objects of one shape in a linked list, so that the functions which
 * take them (avro-decode-read.ts) are few, small and fast from the first records on.
 */
import type { Column } from './duckdb-columns.ts'

/** `none` is a constant null, `word` a constant of 32 bits, `pair` of 64, `flag` of 8, `empty` a list without items. */
export type StepKind =
  | 'text'
  | 'uuid'
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

/** Which clock reading of the event a number is; its place in `times`. */
export const CLOCK_FIELDS: readonly string[] = ['event_ts', 'sent_ts', 'received_ts']
/** The place of numbers that are none. */
const NO_CLOCK = CLOCK_FIELDS.length

const NO_SYMBOLS = new Uint8Array(0)

export class Step {
  next: Step | undefined = undefined
  readonly kind: StepKind
  /** False: the bytes are checked as the format asks, and passed over. */
  readonly isKept: boolean
  /** The union's choice that means null, in zigzag; -1 where the field is no union. */
  nullChoice = -1
  /** Where the column begins, in units of its values' words (bytes or 4 bytes, for double 8). */
  readonly at: number
  /** Where the validity bits begin, in bytes; -1: never null. */
  readonly validAt: number
  /** Bytes of a value of the column. */
  readonly width: number
  /** Bounds of a text, in bytes. */
  lengthMin = 0
  lengthMax = 0x7fffffff
  /** Bounds of a number; what is no number at all is outside of them where there are any. */
  minimum = Number.NEGATIVE_INFINITY
  maximum = Number.POSITIVE_INFINITY
  isBounded = false
  /** Milliseconds, to be kept as microseconds. */
  isMillis = false
  /** Index in `times`. */
  clock = NO_CLOCK
  /** The record's id, to be handed out. */
  isId = false
  /** Reader's index of each of the writer's symbols. */
  symbols: Uint8Array = NO_SYMBOLS
  /** Steps of a list's items, which of the buffers' lists it is, and most items of a row. */
  items: Step | undefined = undefined
  readonly list: number
  readonly itemsMax: number
  /** Words of a constant. */
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

/** The first of the steps, each linked to its next. */
export function linkSteps(steps: readonly Step[]): Step | undefined {
  for (const [i, step] of steps.entries()) step.next = steps[i + 1]
  return steps[0]
}

function wordBytes(column: Column | undefined): number {
  if (column === undefined || column.width === 1) return 1
  return column.type === 'DOUBLE' ? 8 : 4
}
