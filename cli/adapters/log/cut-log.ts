/** Cuts a partition that nobody uses, so that it ends before a time. */
import { readOpened, writePieces } from '../files/file-pieces.ts'
import type { Files, OpenFile } from '../files/files.ts'
import { draftPath, replaceBy } from './compress-segment.ts'
import { findLaterFrame, listSegments, type Place, segmentPath, walkFrames } from './segment.ts'
import { openSegment } from './segment-file.ts'

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
    const file = await openSegment(files, path)
    try {
      const bytes = await file.size()
      const found = await findLater(file, { base, bytes, untilMs })
      end = found.place.offset
      isCut = found.isLater
      if (isCut) await keepBefore(files, path, found.place, file.compressed !== undefined)
      else await file.sync()
    } finally {
      await file.close()
    }
  }
  await files.fsyncDir(dir)
  return end
}

/** Removes what lies behind a place; a segment that was compressed is so no more. */
async function keepBefore(files: Files, path: string, { position }: Place, isCompressed: boolean) {
  if (isCompressed) {
    const open = () => openSegment(files, path)
    await writePieces(files, draftPath(path), readOpened(open, { from: 0, to: position }))
    return replaceBy(files, draftPath(path), path)
  }
  const file = await files.open(path, 'r+')
  try {
    await file.truncate(position)
    await file.sync()
  } finally {
    await file.close()
  }
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
