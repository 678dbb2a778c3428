/**
 * Opens the end of a partition for its writer: a torn last frame is cut off, the rest is synced.
 */
import type { Files, OpenFile } from '../files/files.ts'
import type { DurableMark } from './durable-end.ts'
import { listSegments, logCorruptError, scanTail, segmentPath } from './segment.ts'
import { openSegment, readHead } from './segment-file.ts'

/** The last segment of a partition, at whose end its writer goes on. */
export interface RecoveredEnd {
  readonly segment: OpenFile
  /** When the first record of the segment was appended; undefined: it has none. */
  readonly firstMs: number | undefined
  readonly mark: DurableMark
}

/**
 * Opens the last segment, cut and synced. CCS_LOG_CORRUPT unless it has all records up to the
 * durable offset.
 */
export async function recoverEnd(
  files: Files,
  dir: string,
  mark: DurableMark | undefined,
): Promise<RecoveredEnd> {
  const segments = await listSegments(files, dir)
  const base = segments.at(-1) ?? 0
  const path = segmentPath(dir, base)
  const head = segments.length > 0 ? await readHead(files, path, base) : undefined
  if (head?.isCompressed) return beginBehind(files, dir, base, mark)
  const segment = await files.open(path, head ? 'r+' : 'wx+')
  try {
    const bytes = await segment.size()
    const isMarked = mark?.segment === base && mark.end.position <= bytes
    const from = isMarked ? mark.end : { position: 0, offset: base }
    const scan = await scanTail(segment, bytes, from)
    const damage = { ...scan.end, path }
    if (scan.laterOffset !== undefined)
      throw logCorruptError({ ...damage, endOffset: scan.laterOffset })
    if (mark !== undefined && scan.end.offset < mark.end.offset) {
      throw logCorruptError({ ...damage, endOffset: mark.end.offset })
    }
    if (scan.tornBytes > 0) await segment.truncate(scan.end.position)
    await segment.datasync()
    await files.fsyncDir(dir)
    const isTimeKnown = scan.appendMs > 0 || mark?.segment === base
    const appendMs = Math.max(
      scan.appendMs,
      mark?.appendMs ?? 0,
      isTimeKnown ? 0 : await lastAppendMs(files, dir, segments),
    )
    const firstMs = scan.end.offset > base ? (head?.firstMs ?? scan.appendMs) : undefined
    return { segment, firstMs, mark: { segment: base, end: scan.end, appendMs } }
  } catch (error) {
    await segment.close()
    throw error
  }
}

/** The last segment is compressed, so its successors were deleted: nothing is written to it. */
async function beginBehind(
  files: Files,
  dir: string,
  base: number,
  mark: DurableMark | undefined,
): Promise<RecoveredEnd> {
  const path = segmentPath(dir, base)
  const last = await openSegment(files, path)
  const from = { position: 0, offset: base }
  const { end, appendMs, tornBytes, laterOffset } = await last
    .size()
    .then((bytes) => scanTail(last, bytes, from))
    .finally(() => last.close())
  const damagedTo = tornBytes > 0 ? (laterOffset ?? end.offset + 1) : 0
  const endOffset = Math.max(damagedTo, mark?.end.offset ?? 0)
  if (end.offset < endOffset) throw logCorruptError({ ...end, path, endOffset })
  const { offset } = end
  const segment = await files.open(segmentPath(dir, offset), 'wx+')
  await files.fsyncDir(dir)
  const times = { appendMs: Math.max(appendMs, mark?.appendMs ?? 0) }
  const place = { position: 0, offset }
  return { segment, firstMs: undefined, mark: { segment: offset, end: place, ...times } }
}

/** From the segment before the last: `durable` may be lost while the last is still empty. */
async function lastAppendMs(files: Files, dir: string, segments: readonly number[]) {
  const base = segments.at(-2)
  if (base === undefined) return 0
  const file = await openSegment(files, segmentPath(dir, base))
  try {
    return (await scanTail(file, await file.size(), { position: 0, offset: base })).appendMs
  } finally {
    await file.close()
  }
}
