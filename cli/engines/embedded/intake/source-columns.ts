/**
 * Writes the columns of raw events that say where a record came from and how it arrived; all other
 * columns are the event's own fields.
 */
import type { ColumnBuffers } from '../../../domain/gate/decoder/duckdb-columns.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import type { TextArena } from './text-arena.ts'

/** Topic, partition, offset, times, lateness and row number, straight into the column buffers. */
export class SourceColumns {
  readonly #i32: Int32Array
  readonly #u8: Uint8Array
  readonly #topic: number
  readonly #partition: number
  readonly #offset: number
  readonly #ingest: number
  readonly #late: number
  readonly #seq: number
  readonly #fresh: number
  readonly #topicWords = new Int32Array(4)
  #partitionValue = 0
  #ingestLow = 0
  #ingestHigh = 0

  constructor(buffers: ColumnBuffers) {
    this.#i32 = buffers.i32
    this.#u8 = buffers.u8
    const wordAt = (name: string) => buffers.column(name).at / 4
    this.#topic = wordAt('topic')
    this.#partition = wordAt('partition')
    this.#offset = wordAt('offset')
    this.#ingest = wordAt('ingest_time')
    this.#late = wordAt('late_ms')
    this.#seq = wordAt('seq')
    this.#fresh = buffers.column('fresh').at
  }

  /** Takes what is the same for all records of a frame. */
  begin(frame: LogFrame, arena: TextArena): void {
    arena.writeString(frame.topic, this.#topicWords)
    this.#partitionValue = frame.partition
    const micros = BigInt(Math.floor(frame.appendMs)) * 1000n
    this.#ingestLow = Number(BigInt.asIntN(32, micros))
    this.#ingestHigh = Number(micros >> 32n)
  }

  /** Fills one row, for the record at `offset` with the row number `seq`. */
  set(
    row: number,
    offset: number,
    seq: number,
    { lateMs, isFirstArrival }: { readonly lateMs: number; readonly isFirstArrival: boolean },
  ): void {
    const i32 = this.#i32
    const topic = this.#topic + row * 4
    // It has four words.
    for (let i = 0; i < 4; i++) i32[topic + i] = this.#topicWords[i] as number
    i32[this.#partition + row] = this.#partitionValue
    setInt64(i32, this.#offset + row * 2, offset)
    i32[this.#ingest + row * 2] = this.#ingestLow
    i32[this.#ingest + row * 2 + 1] = this.#ingestHigh
    setInt64(i32, this.#late + row * 2, lateMs)
    setInt64(i32, this.#seq + row * 2, seq)
    this.#u8[this.#fresh + row] = isFirstArrival ? 1 : 0
  }
}

function setInt64(words: Int32Array, at: number, value: number): void {
  words[at] = value
  words[at + 1] = Math.floor(value / 0x100000000)
}
