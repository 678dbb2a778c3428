/**
 * Erases records of a partition: each segment that has some is written anew without them, with
 * marks or other records in their places, so that all records keep their offsets. The old file is
 * gone then.
 */
import type { PlacedRecord } from '../../domain/erase/anonymise-event.ts'
import type { RecordFate } from '../../domain/erase/erase-person.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { frameRecords, type LogRecord } from '../../domain/log/frame-records.ts'
import { RecordBatch } from '../../domain/log/record-batch.ts'
import { type Files, listNames, type OpenFile } from '../files/files.ts'
import type { Processes } from '../files/process-id.ts'
import type { LogPartition } from './check-log.ts'
import { type CheckedSegment, checkPartition } from './check-partition.ts'
import { removeDrafts } from './compress-segment.ts'
import { lockPartition } from './partition-writer.ts'
import { type WholeFrame, walkFrames } from './segment.ts'
import { replaceSegment, type SegmentDraft, writeDraft } from './segment-draft.ts'
import { openSegment } from './segment-file.ts'
import { writeMark } from './write-mark.ts'

/** Which records go. */
export interface EraseOptions {
  readonly files: Files
  readonly processes: Processes
  /** Shown to others who want to write. */
  readonly owner: string
  /** ms since 1970, for the marks. */
  readonly nowMs: number
  readonly decide: (record: Omit<PlacedRecord, 'place'>) => RecordFate
  /** Only counts. */
  readonly isDryRun: boolean
}

/** How many records go, and how many are replaced. */
interface EraseCounts {
  readonly erased: number
  readonly anonymised: number
}

/** Records that are replaced may be longer than they were; a frame has a limit. */
const FRAME_BYTES = 1024 * 1024

/**
 * Returns how many records go or change. CCS_LOG_CORRUPT for a damaged partition, or one with
 * copies of damaged files; CCS_LOG_LOCKED while another process writes to it.
 */
export async function erasePartition(
  partition: LogPartition,
  options: EraseOptions,
): Promise<EraseCounts> {
  const { files } = options
  const { dir } = partition
  const lock = await lockPartition(partition, options)
  try {
    const checked = await checkPartition(files, partition, partition)
    requireIntact(partition, checked.report.damage.length, await listNames(files, dir))
    const total = { erased: 0, anonymised: 0 }
    const last = checked.segments.at(-1)?.path
    if (!options.isDryRun) await removeDrafts(files, dir)
    for (const segment of checked.segments) {
      const { erased, anonymised } = await countFates(segment, options)
      total.erased += erased
      total.anonymised += anonymised
      if (erased + anonymised === 0 || options.isDryRun) continue
      const draft = await writeAnew(segment, options)
      await replaceSegment(files, { draft, path: segment.path, last })
    }
    if (total.erased + total.anonymised > 0 && !options.isDryRun)
      await writeMark(files, dir, await checkPartition(files, partition, partition))
    return total
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

async function countFates(segment: CheckedSegment, options: EraseOptions): Promise<EraseCounts> {
  const counts = { erased: 0, anonymised: 0 }
  await eachFrame(segment, options, async (frame) => {
    for (const record of recordsOf(frame)) {
      const fate = options.decide(record)
      if (fate === 'erased') counts.erased++
      else if (fate !== 'kept') counts.anonymised++
    }
  })
  return counts
}

async function writeAnew(segment: CheckedSegment, options: EraseOptions): Promise<string> {
  return writeDraft(options.files, segment.path, async (draft) => {
    await eachFrame(segment, options, async (frame, file) => {
      const { place, next } = frame
      const changes = recordsOf(frame).some((record) => options.decide(record) !== 'kept')
      if (changes) await addChanged(draft, frame, options)
      else await draft.copy(file, [place.position, next.position])
    })
  })
}

/** The frame in parts: records that stay or are replaced, and marks for those that go. */
async function addChanged(
  draft: SegmentDraft,
  frame: WholeFrame,
  { decide, nowMs }: EraseOptions,
): Promise<void> {
  const { appendMs } = frame.header
  const batch = new RecordBatch()
  let baseOffset = 0
  const flush = async () => {
    if (batch.count > 0)
      await draft.add({ baseOffset, count: batch.count, appendMs, body: batch.body })
    batch.clear()
  }
  for (const record of recordsOf(frame)) {
    const { offset } = record
    const fate = decide(record)
    if (fate === 'erased') {
      await flush()
      await draft.mark({ from: offset, to: offset + 1 }, { appendMs: nowMs, isErased: true })
      continue
    }
    if (batch.bytes >= FRAME_BYTES) await flush()
    if (batch.count === 0) baseOffset = offset
    batch.add(fate === 'kept' ? record.bytes : fate)
  }
  await flush()
}

/** Shows `see` each whole frame; behind the last there may be an append nobody acknowledged. */
async function eachFrame(
  { path, base, bytes }: CheckedSegment,
  { files }: EraseOptions,
  see: (frame: WholeFrame, file: OpenFile) => Promise<void>,
): Promise<void> {
  const file = await openSegment(files, path)
  try {
    const from = { position: 0, offset: base }
    for await (const frame of walkFrames(file, { from, bytes })) await see(frame, file)
  } finally {
    await file.close()
  }
}

/** The records of a frame; a mark, which stands for records that are gone, has none. */
function recordsOf({ header, body }: WholeFrame): readonly LogRecord[] {
  return header.isLost ? [] : [...frameRecords({ topic: '', partition: 0, ...header, body })]
}
