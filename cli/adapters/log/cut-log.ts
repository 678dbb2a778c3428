/** Cuts a partition that nobody uses, so that it ends before a time. */
import type { Files } from '../files/files.ts'
import {
  FileWindow,
  listSegments,
  nextPlace,
  type Place,
  readWholeFrame,
  segmentPath,
} from './segment.ts'

const WINDOW_BYTES = 1024 * 1024

/** Removes frames appended after `untilMs`; returns the offset after the last one left. */
export async function cutLog(files: Files, dir: string, untilMs: number): Promise<number> {
  const bases = await listSegments(files, dir)
  let end = bases[0] ?? 0
  let isCut = false
  for (const [index, base] of bases.entries()) {
    const path = segmentPath(dir, base)
    if (isCut) {
      await files.remove(path)
      continue
    }
    const place = await findCut(files, path, { base, untilMs })
    if (place === undefined) {
      end = bases[index + 1] ?? base
      continue
    }
    end = place.offset
    isCut = true
    const file = await files.open(path, 'r+')
    try {
      await file.truncate(place.position)
      await file.sync()
    } finally {
      await file.close()
    }
  }
  await files.fsyncDir(dir)
  return end
}

/** The place behind the last frame of that time; undefined: a later segment may go on. */
async function findCut(
  files: Files,
  path: string,
  { base, untilMs }: { readonly base: number; readonly untilMs: number },
): Promise<Place | undefined> {
  const file = await files.open(path, 'r')
  try {
    const bytes = await file.size()
    const window = new FileWindow(Math.max(64, Math.min(WINDOW_BYTES, bytes)))
    let place: Place = { position: 0, offset: base }
    for (;;) {
      const header = await readWholeFrame(file, window, place)
      if (header === undefined || header.appendMs > untilMs) return place
      place = nextPlace(place, header)
    }
  } finally {
    await file.close()
  }
}
