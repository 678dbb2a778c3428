/** The embedded log as a backup reads it: whole frames, up to what is durable. */
import { stat } from 'node:fs/promises'
import type { LivePartition, LiveSegment } from '../../domain/backup/take-backup.ts'
import { readRange } from '../files/file-pieces.ts'
import { type Files, isErrno } from '../files/files.ts'
import { systemProcesses } from '../files/process-id.ts'
import { listLogPartitions } from './check-log.ts'
import { DurableEnd } from './durable-end.ts'
import { listSegments, type Place, segmentPath, walkFrames } from './segment.ts'

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
        const found = await stat(path).catch((error: unknown) => {
          // Retention has removed it meanwhile.
          if (!isErrno(error, 'ENOENT') || base === bases.at(-1)) throw error
          return undefined
        })
        if (!found) continue
        const { ino, size } = found
        const until = bases[index + 1] ?? end
        segments.push({
          base,
          fileId: ino.toString(36),
          findEnd: (from) => findEnd(files, { path, from, until, bytes: size }, onDamage),
          read: (from, to) => readRange(files, path, { from, to }),
        })
      }
      partitions.push({ topic, partition, segments })
    } finally {
      await durable.close()
    }
  }
  return partitions
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
  const file = await files.open(path, 'r')
  try {
    let place = from
    for await (const { next } of walkFrames(file, { from, bytes })) {
      place = next
      if (place.offset >= until) return place
    }
    onDamage(`${path} is damaged at byte ${place.position}; it was copied as it is.`)
    return { position: Math.max(place.position, bytes), offset: until }
  } finally {
    await file.close()
  }
}
