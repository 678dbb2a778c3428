/**
 * The state directory: reads what the last commit wrote, removes what no manifest names any more.
 */

import { crc32 } from 'node:zlib'
import { type Files, isErrno } from '../../../adapters/files/files.ts'
import { damageError, displayPath } from '../../../domain/lake/damage.ts'
import type { StateFile } from '../../../domain/lake/manifest.ts'
import type { EventIdWords } from '../intake/dedupe-index.ts'

/** The ids of all state files, a list for each file. */
export interface StoredIds {
  readonly events: readonly EventIdWords[]
  readonly orders: readonly EventIdWords[]
}

/**
 * Verifies the checksum of every state file and returns the event and order ids in them. Throws
 * CCS_LAKE_DAMAGED if a file is missing or damaged.
 */
export async function readIds(
  files: Files,
  stateRoot: string,
  state: readonly StateFile[],
): Promise<StoredIds> {
  const events: EventIdWords[] = []
  const orders: EventIdWords[] = []
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
    const words = new Uint32Array(buffer.slice(byteOffset, byteOffset + length))
    if (file.kind === 'seen') events.push(words)
    else orders.push(words)
  }
  return { events, orders }
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
