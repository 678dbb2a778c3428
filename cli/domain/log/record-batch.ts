/**
 * Records packed the way the log keeps them (u32 little-endian length, bytes), so that a batch is written
 * to disk, and later decoded, without being copied record by record.
 */
/** A record is preceded by its length, u32 little-endian. */
export const RECORD_LENGTH_BYTES = 4

/** Records packed one after another, in a buffer that grows and is used again after `clear`. */
export class RecordBatch {
  #buffer: Buffer
  #bytes = 0
  #count = 0

  constructor(bytesHint = 64 * 1024) {
    this.#buffer = Buffer.allocUnsafe(bytesHint)
  }

  static of(records: readonly Uint8Array[]): RecordBatch {
    const batch = new RecordBatch(
      records.reduce((sum, record) => sum + record.length + RECORD_LENGTH_BYTES, 0),
    )
    for (const record of records) batch.add(record)
    return batch
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The packed records; a view that is valid until the next `add` or `clear`. */
  get body(): Buffer {
    return this.#buffer.subarray(0, this.#bytes)
  }

  add(record: Uint8Array): void {
    const at = this.reserve(record.length)
    this.#buffer.set(record, at)
    this.commit(record.length)
  }

  /** Room for a record of up to `bytesMax` bytes, to be written in place at the returned position of `buffer`. */
  reserve(bytesMax: number): number {
    const need = this.#bytes + RECORD_LENGTH_BYTES + bytesMax
    if (need > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(need, this.#buffer.length * 2))
      this.#buffer.copy(larger, 0, 0, this.#bytes)
      this.#buffer = larger
    }
    return this.#bytes + RECORD_LENGTH_BYTES
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  /** Ends the record begun by `reserve`: `bytes` of it were written. */
  commit(bytes: number): void {
    this.#buffer.writeUInt32LE(bytes, this.#bytes)
    this.#bytes += RECORD_LENGTH_BYTES + bytes
    this.#count++
  }

  clear(): void {
    this.#bytes = 0
    this.#count = 0
  }

  /** Empties the batch, lets `encode` append one record, and returns its bytes: a view as `body` is. */
  encodeOne(encode: (batch: RecordBatch) => void): Buffer {
    this.clear()
    encode(this)
    return this.body.subarray(RECORD_LENGTH_BYTES)
  }
}
