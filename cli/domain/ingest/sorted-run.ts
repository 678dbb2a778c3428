/** Sorted records in memory or in a temporary file, read one after another by a merge. */
import { RECORD_LENGTH_BYTES } from '../log/record-batch.ts'

/** A temporary file; only the process that opened it knows it. */
export interface SpillFile {
  write(parts: readonly Uint8Array[], position: number): Promise<void>
  /** Fills `into`; returns the bytes read, fewer only at the file's end. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Removes the file. */
  close(): Promise<void>
}

/** In a temporary file, before each record: key f64, tag u32, length u32, little-endian. */
export const RUN_HEADER_BYTES = 16

/** A sequence of records; key, tag and record are those of the present one. */
export interface SortedRun {
  readonly key: number
  readonly tag: number
  /** Valid until the run advances. */
  readonly record: Uint8Array
  /** Goes on to the next record; false: there is none; undefined: `load` has to read it first. */
  advance(): boolean | undefined
  /** Reads from the file and goes on to the next record; false: there is none. */
  load(): Promise<boolean>
}

const NOTHING = new Uint8Array()

/** Columns of records that are packed as in a batch; `starts` are positions in `body`. */
interface PackedRecords {
  readonly keys: Float64Array
  readonly tags: Uint32Array
  readonly starts: Uint32Array
  readonly body: Buffer
}

/** Records in memory, in the order of the indexes in `order`. */
export class MemoryRun implements SortedRun {
  key = 0
  tag = 0
  record: Uint8Array = NOTHING
  readonly #order: Uint32Array
  readonly #packed: PackedRecords
  #next = 0

  constructor(order: Uint32Array, packed: PackedRecords) {
    this.#order = order
    this.#packed = packed
  }

  advance(): boolean {
    if (this.#next >= this.#order.length) return false
    const { keys, tags, starts, body } = this.#packed
    // The index is that of a record, so all columns have it.
    const index = this.#order[this.#next++] as number
    const start = starts[index] as number
    const from = start + RECORD_LENGTH_BYTES
    this.key = keys[index] as number
    this.tag = tags[index] as number
    this.record = body.subarray(from, from + body.readUInt32LE(start))
    return true
  }

  async load(): Promise<boolean> {
    return this.advance()
  }
}

/** Records in a part of a temporary file, of which a window is in memory. */
export class SpilledRun implements SortedRun {
  key = 0
  tag = 0
  record: Uint8Array = NOTHING
  readonly #file: SpillFile
  readonly #bufferBytes: number
  /** The part that is not in memory yet. */
  #at: number
  #left: number
  #buffer: Buffer | undefined
  #from = 0
  #to = 0

  constructor(
    file: SpillFile,
    part: { readonly at: number; readonly bytes: number },
    bufferBytes: number,
  ) {
    this.#file = file
    this.#at = part.at
    this.#left = part.bytes
    this.#bufferBytes = bufferBytes
  }

  advance(): boolean | undefined {
    const buffer = this.#buffer
    const have = this.#to - this.#from
    if (have === 0 && this.#left === 0) return false
    if (buffer === undefined || have < RUN_HEADER_BYTES) return undefined
    const length = buffer.readUInt32LE(this.#from + 12)
    if (have < RUN_HEADER_BYTES + length) return undefined
    this.key = buffer.readDoubleLE(this.#from)
    this.tag = buffer.readUInt32LE(this.#from + 8)
    this.#from += RUN_HEADER_BYTES + length
    this.record = buffer.subarray(this.#from - length, this.#from)
    return true
  }

  async load(): Promise<boolean> {
    for (;;) {
      await this.#fill()
      const has = this.advance()
      if (has !== undefined) return has
      if (this.#left === 0) throw new RangeError('A temporary file ends inside a record.')
    }
  }

  /** Moves what is left of the window to its front and fills the rest; a longer record grows it. */
  async #fill(): Promise<void> {
    const have = this.#to - this.#from
    const old = this.#buffer
    const header = old !== undefined && have >= RUN_HEADER_BYTES
    const need = header ? RUN_HEADER_BYTES + old.readUInt32LE(this.#from + 12) : 0
    const bytes = Math.max(need, this.#bufferBytes)
    const buffer = old !== undefined && old.length >= bytes ? old : Buffer.allocUnsafe(bytes)
    old?.copy(buffer, 0, this.#from, this.#to)
    this.#buffer = buffer
    const wanted = Math.min(this.#left, buffer.length - have)
    const got = await this.#file.read(buffer.subarray(have, have + wanted), this.#at)
    if (got < wanted) throw new RangeError('A temporary file was cut off.')
    this.#from = 0
    this.#to = have + got
    this.#at += got
    this.#left -= got
  }
}
