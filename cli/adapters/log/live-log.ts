/** The embedded log as a backup reads it: whole frames, up to what is durable. */
import { stat } from 'node:fs/promises'
import type { LivePartition, LiveSegment } from '../../domain/backup/take-backup.ts'
import { readOpened } from '../files/file-pieces.ts'
import { type Files, isErrno } from '../files/files.ts'
import { systemProcesses } from '../files/process-id.ts'
import { listLogPartitions } from './check-log.ts'
import { DurableEnd } from './durable-end.ts'
import { listSegments, type Place, segmentPath, walkFrames } from './segment.ts'
import { openSegment, readHead } from './segment-file.ts'

/** Damage that is copied as it is is told by its place. */
export type OnDamage = (text: string) => void

/** All partitions of the log in `dir` as they are now. */
export async function listLiveLog(
  files: Files,
  dir: string,
  onDamage: OnDamage,
): Promise<readonly LivePartition[]> {
  const partitions: LivePartition[] = []
  for (const { topic, partition, dir: own } of await listLogPartitions(files, dir, [])) {
    const durable = new DurableEnd(files, own, systemProcesses())
    try {
      const end = await durable.refresh()
      const bases = await listSegments(files, own)
      const segments: LiveSegment[] = []
      for (const [index, base] of bases.entries()) {
        const path = segmentPath(own, base)
        const found = await identify(files, path, base).catch((error: unknown) => {
          // Retention has removed it meanwhile.
          if (!isErrno(error, 'ENOENT') || base === bases.at(-1)) throw error
          return undefined
        })
        if (!found) continue
        const { fileId, size } = found
        const until = bases[index + 1] ?? end
        segments.push({
          base,
          fileId,
          findEnd: (from) => findEnd(files, { path, from, until, bytes: size }, onDamage),
          read: (from, to) => readOpened(() => openSegment(files, path), { from, to }),
        })
      }
      partitions.push({ topic, partition, segments })
    } finally {
      await durable.close()
    }
  }
  return partitions
}

/**
 * Length of the file, and what tells its frames from others: its inode, or that of the file that
 * was compressed, so that nothing is copied again.
 */
async function identify(files: Files, path: string, base: number) {
  const { ino, size } = await stat(path)
  const { fileId } = await readHead(files, path, base)
  return { fileId: fileId ?? ino.toString(36), size }
}

interface SegmentPart {
  readonly path: string
  readonly from: Place
  /** Offset at which it must end. */
  readonly until: number
  /** Length of the file. */
  readonly bytes: number
}

/** Where the frames end; behind damage nothing is known, so that the rest is taken as it is. */
async function findEnd(files: Files, part: SegmentPart, onDamage: OnDamage): Promise<Place> {
  const { path, from, until, bytes } = part
  if (from.offset >= until) return from
  const file = await openSegment(files, path)
  try {
    let place = from
    const size = file.compressed ? await file.size() : bytes
    for await (const { next } of walkFrames(file, { from, bytes: size })) {
      place = next
      if (place.offset >= until) return place
    }
    onDamage(`${path} is damaged at byte ${place.position}; it was copied as it is.`)
    return { position: Math.max(place.position, size), offset: until }
  } finally {
    await file.close()
  }
}
