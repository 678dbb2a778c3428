/**
 * Event and order ids on disk: each commit writes a file of its new ids; small files are merged now
 * and then, chunk by chunk, so that the ids are never all in memory a second time.
 */
import { crc32 } from 'node:zlib'
import type { FileChecksum } from '../../../adapters/files/file-check.ts'
import type { Files } from '../../../adapters/files/files.ts'
import type { StateFile } from '../../../domain/lake/manifest.ts'
import type { FrozenArrivals } from './arrival-tracker.ts'

/** More files than this are merged, but for the large ones. */
const FILES_MAX = 24
const ID_BYTES = 20
const CHUNK_BYTES = 50_000 * ID_BYTES

/** The commit being written, and the state files of the one before. */
export interface EventIdsTarget {
  /** Name of the commit's directory within stateRoot. */
  readonly folder: string
  readonly stateRoot: string
  readonly previous: readonly StateFile[]
}

type NewIds = Pick<FrozenArrivals, 'newIds' | 'oldestLiveHour' | 'hasForgotten'>

/** Writes the new ids into the commit's directory; returns all files of ids that it names. */
export async function writeIds(
  files: Files,
  { newIds, newOrders, oldestLiveHour, hasForgotten }: FrozenArrivals,
  target: EventIdsTarget,
): Promise<readonly StateFile[]> {
  return [
    ...(await writeKind(files, 'seen', { newIds, oldestLiveHour, hasForgotten }, target)),
    // Orders are remembered for ever.
    ...(await writeKind(files, 'orders', { ...FOR_EVER, newIds: newOrders }, target)),
  ]
}

const FOR_EVER = { oldestLiveHour: 0, hasForgotten: false }

async function writeKind(
  files: Files,
  kind: 'seen' | 'orders',
  ids: NewIds,
  { folder, stateRoot, previous }: EventIdsTarget,
): Promise<readonly StateFile[]> {
  const isLive = (file: StateFile) =>
    file.kind === kind && !ids.hasForgotten && (file.hour ?? 0) >= ids.oldestLiveHour
  const live = previous.filter(isLive)
  const small = live.length < FILES_MAX ? [] : selectSmallFiles(live)
  const kept = live.filter((file) => !small.includes(file))
  if (ids.newIds.length === 0 && small.length === 0) return kept
  const path = `${folder}/${kind}.bin`
  const sources = small.map((file) => `${stateRoot}/${file.path}`)
  const stored = await writeWords(files, `${stateRoot}/${path}`, sources, ids)
  if (stored.bytes === 0) return kept
  const hour = Math.max(findNewestHour(ids.newIds), ...small.map((file) => file.hour ?? 0))
  const rows = stored.bytes / ID_BYTES
  return [...kept, { path, kind, model: '', rows, ...stored, hour }]
}

/** Writes the new ids and the unexpired ids of older files; durable when it resolves. */
async function writeWords(
  files: Files,
  path: string,
  sources: readonly string[],
  { newIds, oldestLiveHour }: NewIds,
): Promise<FileChecksum> {
  const file = await files.open(path, 'w+')
  let stored: FileChecksum = { bytes: 0, crc32: 0 }
  const append = async (words: Uint32Array) => {
    const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength)
    await file.write([bytes], stored.bytes)
    stored = { bytes: stored.bytes + bytes.length, crc32: crc32(bytes, stored.crc32) }
  }
  try {
    await append(newIds)
    const chunk = new Uint8Array(sources.length > 0 ? CHUNK_BYTES : 0)
    for (const source of sources) {
      const older = await files.open(source, 'r')
      try {
        for (let at = 0, read = -1; read !== 0; at += read) {
          read = await older.read(chunk, at)
          await append(keepUnexpired(new Uint32Array(chunk.buffer, 0, read / 4), oldestLiveHour))
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

/** Moves unexpired ids to the front and returns them as a view. */
function keepUnexpired(words: Uint32Array, oldestHour: number): Uint32Array {
  let end = 0
  for (let at = 0; at + 4 < words.length; at += 5) {
    if ((words[at + 4] ?? 0) < oldestHour) continue
    if (end !== at) words.copyWithin(end, at, at + 5)
    end += 5
  }
  return words.subarray(0, end)
}

/** All but the few files that hold most bytes, so that an id is copied O(log n) times. */
function selectSmallFiles(files: readonly StateFile[]): readonly StateFile[] {
  const half = files.reduce((sum, file) => sum + file.bytes, 0) / 2
  return files.filter((file) => file.bytes < half / 2)
}

function findNewestHour(words: Uint32Array): number {
  let newest = 0
  for (let at = 4; at < words.length; at += 5) newest = Math.max(newest, words[at] ?? 0)
  return newest
}
