/**
 * Records packed as the log keeps them, so that a batch goes to disk and to the decoder without
 * further copies.
 */
/** A record is preceded by its length, u32 little-endian. */
export const RECORD_LENGTH_BYTES = 4

/**
 * Packs records one after another into a buffer that grows, and that is used again after `clear`.
 */
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

  /** The packed records: a view that is valid until the batch changes. */
  get body(): Buffer {
    return this.#buffer.subarray(0, this.#bytes)
  }

  add(record: Uint8Array): void {
    const at = this.reserve(record.length)
    this.#buffer.set(record, at)
    this.commit(record.length)
  }

  /**
   * Makes room for a record of up to `bytesMax` bytes, to be written to `buffer` at the returned
   * position.
   */
  reserve(bytesMax: number): number {
    const need = this.#bytes + RECORD_LENGTH_BYTES + bytesMax
    if (need > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(need, this.#buffer.length * 2))
      this.#buffer.copy(larger, 0, 0, this.#bytes)
      this.#buffer = larger
    }
    return this.#bytes + RECORD_LENGTH_BYTES
  }

  /** For the encoders, which are generated code that no tool sees calling it. */
  get buffer(): Buffer {
    return this.#buffer
  }

  /** Ends the record begun by `reserve`, of which `bytes` were written. */
  commit(bytes: number): void {
    this.#buffer.writeUInt32LE(bytes, this.#bytes)
    this.#bytes += RECORD_LENGTH_BYTES + bytes
    this.#count++
  }

  clear(): void {
    this.#bytes = 0
    this.#count = 0
  }

  /**
   * Empties the batch, lets `encode` append one record, and returns its bytes: a view as `body` is.
   */
  encodeOne(encode: (batch: RecordBatch) => void): Buffer {
    this.clear()
    encode(this)
    return this.body.subarray(RECORD_LENGTH_BYTES)
  }
}
