/**
 * The state directory: reads what the last commit wrote, removes what no manifest names any more.
 */

import { crc32 } from 'node:zlib'
import { type Files, isErrno } from '../../../adapters/files/files.ts'
import { damageError, displayPath } from '../../../domain/lake/damage.ts'
import type { StateFile } from '../../../domain/lake/manifest.ts'
import type { EventIdWords } from '../intake/dedupe-index.ts'

/** The ids of one state file. */
export interface StoredIds {
  readonly kind: 'seen' | 'orders'
  readonly words: EventIdWords
}

/**
 * Verifies the checksum of every state file and gives the event and order ids in them, one file
 * after another. Throws CCS_LAKE_DAMAGED if a file is missing or damaged.
 */
export async function* readIds(
  files: Files,
  stateRoot: string,
  state: readonly StateFile[],
): AsyncGenerator<StoredIds> {
  for (const file of state) {
    const damaged = (fault: string) => damageError([{ file: displayPath(file), fault }])
    const bytes = await files.readFile(`${stateRoot}/${file.path}`).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) throw damaged('is missing')
      throw isErrno(error, 'EIO') ? damaged('cannot be read: the disk reports an error') : error
    })
    if (bytes.length !== file.bytes || crc32(bytes) !== file.crc32)
      throw damaged('has other bytes than were written')
    if (file.kind === 'gold') continue
    const { buffer, byteOffset, length } = bytes
    const isAligned = byteOffset % Uint32Array.BYTES_PER_ELEMENT === 0
    const words = isAligned
      ? new Uint32Array(buffer, byteOffset, length / Uint32Array.BYTES_PER_ELEMENT)
      : new Uint32Array(buffer.slice(byteOffset, byteOffset + length))
    yield { kind: file.kind, words }
  }
}

/** Removes the files of older commits and of commits that never completed. */
export async function removeUnreferencedState(
  files: Files,
  stateRoot: string,
  state: readonly StateFile[],
): Promise<void> {
  const named = state.map((file) => file.path)
  const clear = async (below: string): Promise<void> => {
    for (const name of await files.readdir(`${stateRoot}/${below}`)) {
      const path = below === '' ? name : `${below}/${name}`
      if (named.includes(path)) continue
      if (named.some((one) => one.startsWith(`${path}/`))) await clear(path)
      else await files.remove(`${stateRoot}/${path}`)
    }
  }
  await files.mkdir(stateRoot)
  await clear('')
}
