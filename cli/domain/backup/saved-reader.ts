/** Objects of a backup, whose bytes are compared with what was noted when they were written. */
import { CcsError } from '../kernel/errors.ts'
import type { BackupStore } from './backup-store.ts'
import type { SavedObject } from './snapshot.ts'

/** CRC-32, unsigned, of a piece that follows others with that of these. */
export type Crc32 = (piece: Uint8Array, before: number) => number

/** Counts what it reads. */
export class SavedReader {
  readonly #store: BackupStore
  readonly #crc32: Crc32
  readonly #onRead: (bytes: number) => void
  bytes = 0

  constructor(store: BackupStore, crc32: Crc32, onRead: (bytes: number) => void = () => {}) {
    this.#store = store
    this.#crc32 = crc32
    this.#onRead = onRead
  }

  /** All bytes of the objects, in their order. CCS_BACKUP_INVALID at the end of a wrong one. */
  async *read(...objects: readonly SavedObject[]): AsyncGenerator<Uint8Array> {
    for (const object of objects) yield* this.#readOne(object)
  }

  async *#readOne({ key, bytes, crc32: wanted }: SavedObject): AsyncGenerator<Uint8Array> {
    let [length, sum] = [0, 0]
    for await (const piece of this.#store.read(key)) {
      length += piece.length
      sum = this.#crc32(piece, sum)
      yield piece
    }
    if (length !== bytes || sum !== wanted)
      throw new CcsError('CCS_BACKUP_INVALID', `${key} in ${this.#store.address} is damaged.`, {
        hint: 'Nothing was restored. Restore another one: ccs backup ls',
      })
    this.bytes += bytes
    this.#onRead(this.bytes)
  }
}

/** A small object as a whole. */
export async function readWhole(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const found: Uint8Array[] = []
  for await (const piece of pieces) found.push(piece)
  return Buffer.concat(found)
}
