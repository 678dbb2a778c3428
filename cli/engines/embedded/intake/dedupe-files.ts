/**
 * Event ids on disk: a file of new ids a commit, merged now and then. They are never in memory as a whole.
 */
import { crc32 } from 'node:zlib'
import type { Stored } from '../../../adapters/files/file-check.ts'
import type { Files } from '../../../adapters/files/files.ts'
import type { StateFile } from '../../../domain/lake/manifest.ts'
import type { EmbeddedFrozen } from '../options.ts'

/** Where the ids go, and what the last commit has. */
export interface EventIdsTarget {
  readonly serial: number
  readonly stateRoot: string
  readonly previous: readonly StateFile[]
}

/** New ids in a file of their own; small files become one now and then, without what has expired. */
export async function writeEventIds(
  files: Files,
  frozen: Pick<EmbeddedFrozen, 'seen' | 'oldestSeenHour'>,
  { serial, stateRoot, previous }: EventIdsTarget,
): Promise<readonly StateFile[]> {
  const live = previous.filter(
    (file) => file.kind === 'seen' && (file.hour ?? 0) >= frozen.oldestSeenHour,
  )
  const small = live.length < FILES_MAX ? [] : selectSmallFiles(live)
  const kept = live.filter((file) => !small.includes(file))
  if (frozen.seen.length === 0 && small.length === 0) return kept
  const path = `${serial}/seen.bin`
  const sources = small.map((file) => `${stateRoot}/${file.path}`)
  const stored = await writeWords(files, `${stateRoot}/${path}`, sources, frozen)
  if (stored.bytes === 0) return kept
  const hour = Math.max(findNewestHour(frozen.seen), ...small.map((file) => file.hour ?? 0))
  const rows = stored.bytes / ID_BYTES
  return [...kept, { path, kind: 'seen', model: '', rows, ...stored, hour }]
}

const FILES_MAX = 24
const ID_BYTES = 20
/** Ids of older files go through memory so many bytes at a time. */
const CHUNK_BYTES = 50_000 * ID_BYTES

/** Writes the new ids and those of older files that have not expired; durable when it resolves. */
async function writeWords(
  files: Files,
  path: string,
  sources: readonly string[],
  { seen, oldestSeenHour }: Pick<EmbeddedFrozen, 'seen' | 'oldestSeenHour'>,
): Promise<Stored> {
  const file = await files.open(path, 'w+')
  let stored: Stored = { bytes: 0, crc32: 0 }
  const put = async (part: Uint32Array) => {
    const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength)
    await file.write([bytes], stored.bytes)
    stored = { bytes: stored.bytes + bytes.length, crc32: crc32(bytes, stored.crc32) }
  }
  try {
    await put(seen)
    const piece = new Uint8Array(sources.length > 0 ? CHUNK_BYTES : 0)
    for (const source of sources) {
      const older = await files.open(source, 'r')
      try {
        for (let at = 0, read = -1; read !== 0; at += read) {
          read = await older.read(piece, at)
          await put(keepUnexpired(new Uint32Array(piece.buffer, 0, read / 4), oldestSeenHour))
        }
      } finally {
        await older.close()
      }
    }
    await file.sync()
    return stored
  } finally {
    await file.close()
  }
}

/** Moves ids that have not expired to the front; returns them. */
function keepUnexpired(words: Uint32Array, oldestHour: number): Uint32Array {
  let end = 0
  for (let at = 0; at + 4 < words.length; at += 5) {
    if ((words[at + 4] ?? 0) < oldestHour) continue
    if (end !== at) words.copyWithin(end, at, at + 5)
    end += 5
  }
  return words.subarray(0, end)
}

/** All but the few that make up most of the bytes, so that an id is copied a logarithmic number of times. */
function selectSmallFiles(files: readonly StateFile[]): readonly StateFile[] {
  const half = files.reduce((sum, file) => sum + file.bytes, 0) / 2
  return files.filter((file) => file.bytes < half / 2)
}

function findNewestHour(words: Uint32Array): number {
  let newest = 0
  for (let at = 4; at < words.length; at += 5) newest = Math.max(newest, words[at] ?? 0)
  return newest
}
