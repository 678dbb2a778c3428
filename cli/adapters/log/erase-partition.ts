/**
 * Erases records of a partition: each segment that has some is written anew without them, with
 * marks in their places, so that all other records keep their offsets. The old file is gone then.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import { RecordBatch } from '../../domain/log/record-batch.ts'
import { type Files, listNames, type OpenFile } from '../files/files.ts'
import type { Processes } from '../files/process-id.ts'
import type { LogPartition } from './check-log.ts'
import { type CheckedSegment, checkPartition } from './check-partition.ts'
import { type FrameHeader, HEADER_BYTES } from './frame.ts'
import { lockPartition } from './partition-writer.ts'
import { FileWindow, nextPlace, type Place, readWholeFrame } from './segment.ts'
import { replaceSegment, type SegmentDraft, writeDraft } from './segment-draft.ts'
import { writeMark } from './write-mark.ts'

/** Which records go. */
export interface EraseOptions {
  readonly files: Files
  readonly processes: Processes
  /** Shown to others who want to write. */
  readonly owner: string
  /** ms since 1970, for the marks. */
  readonly nowMs: number
  readonly isErased: (offset: number, bytes: Buffer) => boolean
  /** Only counts. */
  readonly isDryRun: boolean
}

const WINDOW_BYTES = 1024 * 1024

/**
 * Returns how many records go. CCS_LOG_CORRUPT for a damaged partition, or one with copies of
 * damaged files; CCS_LOG_LOCKED while another process writes to it.
 */
export async function erasePartition(
  partition: LogPartition,
  options: EraseOptions,
): Promise<number> {
  const { files } = options
  const { dir } = partition
  const lock = await lockPartition(partition, options)
  try {
    const checked = await checkPartition(files, partition, partition)
    requireIntact(partition, checked.report.damage.length, await listNames(files, dir))
    let erased = 0
    const last = checked.segments.at(-1)?.path
    for (const segment of checked.segments) {
      const found = await countErased(segment, options)
      erased += found
      if (found === 0 || options.isDryRun) continue
      const draft = await writeWithout(segment, options)
      await replaceSegment(files, { draft, path: segment.path, last })
    }
    if (erased > 0 && !options.isDryRun)
      await writeMark(files, dir, await checkPartition(files, partition, partition))
    return erased
  } finally {
    await lock.release()
  }
}

/** What can't be read can't be searched. */
function requireIntact(
  { topic, partition }: LogPartition,
  damage: number,
  names: readonly string[],
): void {
  const copies = names.filter((name) => name.includes('.damaged'))
  if (damage === 0 && copies.length === 0) return
  const what = damage > 0 ? 'is damaged' : `has the damaged file ${copies[0]}`
  throw new CcsError('CCS_LOG_CORRUPT', `${topic}-${partition} ${what}: it can't be searched.`, {
    hint: damage > 0 ? 'Repair it first: ccs log repair' : 'Delete it first, if it is not needed.',
  })
}

async function countErased(segment: CheckedSegment, options: EraseOptions): Promise<number> {
  let count = 0
  await eachFrame(segment, options, async (frame) => {
    for (const { offset, bytes } of frame.records()) if (options.isErased(offset, bytes)) count++
  })
  return count
}

async function writeWithout(segment: CheckedSegment, options: EraseOptions): Promise<string> {
  return writeDraft(options.files, segment.path, async (draft) => {
    await eachFrame(segment, options, async (frame, file) => {
      const { position, header } = frame
      const hasErased = frame.records().some(({ offset, bytes }) => options.isErased(offset, bytes))
      if (hasErased) await addWithout(draft, frame, options)
      else await draft.copy(file, [position, position + HEADER_BYTES + header.bodyBytes])
    })
  })
}

/** The frame in parts: records that stay, and marks for those that go. */
async function addWithout(
  draft: SegmentDraft,
  { header: { appendMs }, records }: SegmentFrame,
  { isErased, nowMs }: EraseOptions,
): Promise<void> {
  const batch = new RecordBatch()
  let baseOffset = 0
  const flush = async () => {
    if (batch.count > 0)
      await draft.add({ baseOffset, count: batch.count, appendMs, body: batch.body })
    batch.clear()
  }
  for (const { offset, bytes } of records()) {
    if (isErased(offset, bytes)) {
      await flush()
      await draft.mark({ from: offset, to: offset + 1 }, { appendMs: nowMs, isErased: true })
      continue
    }
    if (batch.count === 0) baseOffset = offset
    batch.add(bytes)
  }
  await flush()
}

interface SegmentFrame extends Place {
  readonly header: FrameHeader
  /** None of a mark. */
  readonly records: () => readonly { readonly offset: number; readonly bytes: Buffer }[]
}

async function eachFrame(
  { path, base, bytes }: CheckedSegment,
  { files }: EraseOptions,
  see: (frame: SegmentFrame, file: OpenFile) => Promise<void>,
): Promise<void> {
  const file = await files.open(path, 'r')
  try {
    const window = new FileWindow(Math.max(64, Math.min(WINDOW_BYTES, bytes)))
    let place: Place = { position: 0, offset: base }
    for (;;) {
      const header = await readWholeFrame(file, window, place)
      // Behind the last frame there may be an append that was never acknowledged.
      if (header === undefined) return
      const at = window.indexOf(place.position) + HEADER_BYTES
      const body = window.buffer.subarray(at, at + header.bodyBytes)
      const records = () => (header.isLost ? [] : splitRecords(header.baseOffset, body))
      await see({ ...place, header, records }, file)
      place = nextPlace(place, header)
    }
  } finally {
    await file.close()
  }
}

function splitRecords(baseOffset: number, body: Buffer) {
  const found: { offset: number; bytes: Buffer }[] = []
  for (let at = 0, offset = baseOffset; at < body.length; offset++) {
    const end = at + 4 + body.readUInt32LE(at)
    found.push({ offset, bytes: body.subarray(at + 4, end) })
    at = end
  }
  return found
}
