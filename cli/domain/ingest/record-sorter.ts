/**
 * Sorts any number of records in bounded memory (external merge sort): what does not fit is sorted
 * and written to a temporary file, one run after another; reading merges the runs. Records with
 * equal keys keep the order in which they were added, so the result depends on the input alone.
 */
import { RECORD_LENGTH_BYTES, RecordBatch } from '../log/record-batch.ts'
import {
  MemoryRun,
  RUN_HEADER_BYTES,
  type SortedRun,
  SpilledRun,
  type SpillFile,
} from './sorted-run.ts'

/** Opens an empty temporary file, which is gone once it is closed. */
export type OpenSpill = () => Promise<SpillFile>

const BYTES_MAX = 48 * 1024 * 1024
const WRITE_BYTES = 1024 * 1024
/** What the buffers of all runs have together while they are merged. */
const READ_BYTES = 32 * 1024 * 1024
const READ_BYTES_MIN = 64 * 1024
const READ_BYTES_MAX = 1024 * 1024

/** Add all records, then read them once with `sorted`. */
export class RecordSorter {
  readonly #openSpill: OpenSpill
  readonly #bytesMax: number
  readonly #records = new RecordBatch()
  #keys = new Float64Array(1024)
  #tags = new Uint32Array(1024)
  #starts = new Uint32Array(1024)
  #isInOrder = true
  #count = 0
  #spill: SpillFile | undefined
  #spilledBytes = 0
  readonly #runs: { readonly at: number; readonly bytes: number }[] = []

  constructor(openSpill: OpenSpill, bytesMax = BYTES_MAX) {
    this.#openSpill = openSpill
    this.#bytesMax = bytesMax
  }

  /** Number of records that were added. */
  get count(): number {
    return this.#count
  }

  /** Call `spill` once this is true; until then records go on being held in memory. */
  get isFull(): boolean {
    return this.#records.bytes + RUN_HEADER_BYTES * this.#records.count >= this.#bytesMax
  }

  /** `tag` is any number of 32 bits that the caller wants back with the record. */
  add(key: number, tag: number, record: Uint8Array): void {
    const index = this.#records.count
    if (index === this.#keys.length) this.#growIndex()
    if (index > 0 && key < (this.#keys[index - 1] ?? key)) this.#isInOrder = false
    this.#keys[index] = key
    this.#tags[index] = tag
    this.#starts[index] = this.#records.bytes
    this.#records.add(record)
    this.#count++
  }

  /** Sorts what is in memory and writes it to the temporary file. */
  async spill(): Promise<void> {
    if (this.#records.count === 0) return
    this.#spill ??= await this.#openSpill()
    const at = this.#spilledBytes
    const run = this.#sortedMemory()
    const buffer = new RunBuffer()
    for (let has = run.advance(); has; has = run.advance()) {
      buffer.add(run)
      if (buffer.bytes >= WRITE_BYTES) await this.#write(buffer)
    }
    await this.#write(buffer)
    this.#runs.push({ at, bytes: this.#spilledBytes - at })
    this.#records.clear()
    this.#isInOrder = true
  }

  /** All records in the order of their keys; add none after. */
  async sorted(): Promise<SortedRecords> {
    const file = this.#spill
    const share = Math.floor(READ_BYTES / Math.max(1, this.#runs.length))
    const bytes = Math.min(READ_BYTES_MAX, Math.max(READ_BYTES_MIN, share))
    const spilled = file ? this.#runs.map((run) => new SpilledRun(file, run, bytes)) : []
    return SortedRecords.of([...spilled, this.#sortedMemory()])
  }

  async close(): Promise<void> {
    await this.#spill?.close()
    this.#spill = undefined
  }

  #sortedMemory(): MemoryRun {
    const keys = this.#keys
    const order = Uint32Array.from({ length: this.#records.count }, (_, i) => i)
    // Every index is below the number of records.
    if (!this.#isInOrder) order.sort((a, b) => (keys[a] as number) - (keys[b] as number) || a - b)
    return new MemoryRun(order, {
      keys,
      tags: this.#tags,
      starts: this.#starts,
      body: this.#records.body,
    })
  }

  async #write(buffer: RunBuffer): Promise<void> {
    if (this.#spill === undefined || buffer.bytes === 0) return
    await this.#spill.write([buffer.body], this.#spilledBytes)
    this.#spilledBytes += buffer.bytes
    buffer.clear()
  }

  #growIndex(): void {
    const length = this.#keys.length * 2
    const [keys, tags, starts] = [this.#keys, this.#tags, this.#starts]
    this.#keys = new Float64Array(length)
    this.#tags = new Uint32Array(length)
    this.#starts = new Uint32Array(length)
    this.#keys.set(keys)
    this.#tags.set(tags)
    this.#starts.set(starts)
  }
}

/** Records in the layout of the temporary file: key f64, tag u32, length u32, then the bytes. */
class RunBuffer {
  #buffer = Buffer.allocUnsafe(WRITE_BYTES + 64 * 1024)
  bytes = 0

  get body(): Buffer {
    return this.#buffer.subarray(0, this.bytes)
  }

  add({ key, tag, record }: SortedRun): void {
    const need = this.bytes + RUN_HEADER_BYTES + record.length
    if (need > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(need + WRITE_BYTES)
      this.#buffer.copy(larger, 0, 0, this.bytes)
      this.#buffer = larger
    }
    this.#buffer.writeDoubleLE(key, this.bytes)
    this.#buffer.writeUInt32LE(tag, this.bytes + 8)
    this.#buffer.writeUInt32LE(record.length, this.bytes + 12)
    this.#buffer.set(record, this.bytes + RUN_HEADER_BYTES)
    this.bytes = need
  }

  clear(): void {
    this.bytes = 0
  }
}

/** Merges runs by a heap of their next records. */
export class SortedRecords {
  /** A binary heap; the run with the next record is first. */
  readonly #heap: SortedRun[]
  readonly #ranks: ReadonlyMap<SortedRun, number>

  private constructor(heap: SortedRun[], ranks: ReadonlyMap<SortedRun, number>) {
    this.#heap = heap
    this.#ranks = ranks
    for (let i = (heap.length >> 1) - 1; i >= 0; i--) this.#sink(i)
  }

  /** `runs` in the order in which their records were added. */
  static async of(runs: readonly SortedRun[]): Promise<SortedRecords> {
    const heap: SortedRun[] = []
    for (const run of runs) {
      const has = run.advance()
      if (has === true || (has === undefined && (await run.load()))) heap.push(run)
    }
    return new SortedRecords(heap, new Map(runs.map((run, rank) => [run, rank])))
  }

  get isAtEnd(): boolean {
    return this.#heap.length === 0
  }

  /**
   * Adds the next records to a batch until it has `bytesMax` bytes or `countMax` records, at least
   * one if any is left. `onRecord` gets each record, valid during the call.
   */
  async read(
    batch: RecordBatch,
    limit: { readonly bytesMax: number; readonly countMax?: number },
    onRecord: (tag: number, record: Uint8Array) => void = () => {},
  ): Promise<void> {
    const { bytesMax, countMax = Number.POSITIVE_INFINITY } = limit
    for (let run = this.#heap[0]; run !== undefined; run = this.#heap[0]) {
      const size = run.record.length + RECORD_LENGTH_BYTES
      if (batch.count >= countMax) return
      if (batch.count > 0 && batch.bytes + size > bytesMax) return
      onRecord(run.tag, run.record)
      batch.add(run.record)
      const has = run.advance()
      if (has === true || (has === undefined && (await run.load()))) this.#sink(0)
      else this.#removeFirst()
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #sink(from: number): void {
    const heap = this.#heap
    for (let at = from; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let first = at
      if (this.#isBefore(heap[left], heap[first])) first = left
      if (this.#isBefore(heap[right], heap[first])) first = right
      if (first === at) return
      // Both indexes are in the heap: isBefore is false for a missing run.
      const moved = heap[at] as SortedRun
      heap[at] = heap[first] as SortedRun
      heap[first] = moved
      at = first
    }
  }

  #isBefore(one: SortedRun | undefined, other: SortedRun | undefined): boolean {
    if (one === undefined || other === undefined) return false
    if (one.key !== other.key) return one.key < other.key
    return (this.#ranks.get(one) ?? 0) < (this.#ranks.get(other) ?? 0)
  }
}
