/** Cuts a partition that nobody uses, so that it ends before a time. */
import type { Files, OpenFile } from '../files/files.ts'
import { findLaterFrame, listSegments, type Place, segmentPath, walkFrames } from './segment.ts'

/** Removes frames appended after `untilMs`; returns the offset after the last one left. */
export async function cutLog(files: Files, dir: string, untilMs: number): Promise<number> {
  let end = 0
  let isCut = false
  for (const base of await listSegments(files, dir)) {
    const path = segmentPath(dir, base)
    if (isCut) {
      await files.remove(path)
      continue
    }
    const file = await files.open(path, 'r+')
    try {
      const bytes = await file.size()
      const found = await findLater(file, { base, bytes, untilMs })
      end = found.place.offset
      isCut = found.isLater
      if (isCut) await file.truncate(found.place.position)
      await file.sync()
    } finally {
      await file.close()
    }
  }
  await files.fsyncDir(dir)
  return end
}

/** The first frame that was appended later, or the end of the segment. */
async function findLater(
  file: OpenFile,
  { base, bytes, untilMs }: { base: number; bytes: number; untilMs: number },
): Promise<{ readonly place: Place; readonly isLater: boolean }> {
  let place: Place | undefined = { position: 0, offset: base }
  let last = place
  // Behind damage, which was copied as it is, the segment goes on.
  for (; place; place = await findLaterFrame(file, last)) {
    last = place
    for await (const frame of walkFrames(file, { from: place, bytes })) {
      // A mark has the time of the repair or erasure, not of its records.
      const isLater = !frame.header.isLost && frame.header.appendMs > untilMs
      if (isLater) return { place: frame.place, isLater }
      last = frame.next
    }
  }
  return { place: last, isLater: false }
}
