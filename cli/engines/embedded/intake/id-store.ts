/**
 * Keeps ids on disk, each under the number that it gets, so that a hash table in memory needs only
 * this number and a few bits of the id. Ids are written in blocks, in the order in which they come;
 * a block whose ids have all expired is written anew.
 */
import type { UnnamedFile } from '../../../adapters/files/unnamed-file.ts'

const WORDS = 4
const ID_BYTES = 4 * WORDS
const BLOCK_IDS = 4_096
const BLOCK_WORDS = BLOCK_IDS * WORDS
const BLOCK_BYTES = BLOCK_IDS * ID_BYTES
/** What one read fetches: copies of events tend to come in the order of the events. */
const PAGE_IDS = 256

interface WrittenBlock {
  readonly block: number
  /** The newest hour of its ids. */
  readonly hour: number
}

/** Ids of four 32-bit words. Memory: one block, and those that the disk did not take. */
export class IdStore {
  readonly #open: () => UnnamedFile
  #file: UnnamedFile | undefined
  /** Number of the block that is being filled, its ids, and how many it has. */
  #block = 0
  #ids = new Int32Array(BLOCK_WORDS)
  #used = 0
  #hour = 0
  #blocks = 1
  /** Oldest first. */
  #written: WrittenBlock[] = []
  #writtenFrom = 0
  /** Blocks that are not on disk: it is full, or fails. The next one tries again. */
  readonly #kept = new Map<number, Int32Array<ArrayBuffer>>()
  readonly #page = new Int32Array(PAGE_IDS * WORDS)
  readonly #pageBytes = new Uint8Array(this.#page.buffer)
  /** Number of the page's first id; -1: it holds none. */
  #pageFrom = -1

  /** `open` is called when the first block is full; it may fail, and is called again later. */
  constructor(open: () => UnnamedFile) {
    this.#open = open
  }

  /** Memory of the ids that are not on disk. */
  get bytes(): number {
    return (1 + this.#kept.size) * BLOCK_BYTES
  }

  /** Keeps an id of this hour; returns its number. Blocks older than `oldestHour` are reused. */
  add(id0: number, id1: number, id2: number, id3: number, hour: number, oldestHour: number) {
    if (this.#used === BLOCK_IDS) this.#startBlock(oldestHour)
    const at = this.#used * WORDS
    const ids = this.#ids
    ids[at] = id0
    ids[at + 1] = id1
    ids[at + 2] = id2
    ids[at + 3] = id3
    if (hour > this.#hour) this.#hour = hour
    return this.#block * BLOCK_IDS + this.#used++
  }

  /** Whether the id of this number is this one. Throws what the disk says. */
  has(number: number, id0: number, id1: number, id2: number, id3: number): boolean {
    const block = Math.floor(number / BLOCK_IDS)
    let ids: Int32Array | undefined = block === this.#block ? this.#ids : this.#kept.get(block)
    let at = (number % BLOCK_IDS) * WORDS
    if (ids === undefined) {
      ids = this.#readPage(number - (number % PAGE_IDS))
      at = (number % PAGE_IDS) * WORDS
    }
    return (
      ids[at] === (id0 | 0) &&
      ids[at + 1] === (id1 | 0) &&
      ids[at + 2] === (id2 | 0) &&
      ids[at + 3] === (id3 | 0)
    )
  }

  /** Forgets all ids. */
  clear(): void {
    this.#kept.clear()
    this.#written = []
    this.#writtenFrom = this.#block = this.#used = this.#hour = 0
    this.#blocks = 1
    this.#pageFrom = -1
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
  }

  #readPage(from: number): Int32Array {
    if (this.#pageFrom === from) return this.#page
    this.#pageFrom = -1
    const read = this.#file?.read(this.#pageBytes, from * ID_BYTES)
    if (read !== this.#pageBytes.length) throw new Error(`id ${from} was not written`)
    this.#pageFrom = from
    return this.#page
  }

  #startBlock(oldestHour: number): void {
    this.#kept.set(this.#block, this.#ids)
    this.#written.push({ block: this.#block, hour: this.#hour })
    this.#writeKept()
    const free = this.#takeExpired(oldestHour)
    this.#block = free ?? this.#blocks++
    const kept = this.#kept.get(this.#block)
    this.#kept.delete(this.#block)
    this.#ids = kept ?? (this.#kept.size > 0 ? new Int32Array(BLOCK_WORDS) : this.#ids)
    this.#used = this.#hour = 0
  }

  #writeKept(): void {
    try {
      this.#file ??= this.#open()
      for (const [block, ids] of this.#kept) {
        this.#file.write(new Uint8Array(ids.buffer), block * BLOCK_BYTES)
        const from = this.#pageFrom
        if (from >= 0 && Math.floor(from / BLOCK_IDS) === block) this.#pageFrom = -1
        this.#kept.delete(block)
      }
    } catch {
      // They stay in memory. A commit meets the same disk, and says what is wrong.
    }
  }

  #takeExpired(oldestHour: number): number | undefined {
    const oldest = this.#written[this.#writtenFrom]
    if (oldest === undefined || oldest.hour >= oldestHour) return undefined
    this.#writtenFrom++
    if (this.#writtenFrom * 2 > this.#written.length) {
      this.#written = this.#written.slice(this.#writtenFrom)
      this.#writtenFrom = 0
    }
    return oldest.block
  }
}
