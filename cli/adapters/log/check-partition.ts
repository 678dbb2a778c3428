/**
 * Reads every frame of a partition and checks its checksum, also while the partition is written:
 * what lies after the durable end may be an append that is under way. Goes on behind damage.
 */
import {
  describeOffsets,
  type LogDamage,
  type LostRecords,
  type PartitionReport,
} from '../../domain/log/log-report.ts'
import { type Files, isErrno, type OpenFile } from '../files/files.ts'
import { type DurableMark, loadMark } from './durable-end.ts'
import type { FrameHeader } from './frame.ts'
import type { Partition } from './partition-reader.ts'
import {
  FileWindow,
  findLaterFrame,
  listSegments,
  nextPlace,
  type Place,
  readWholeFrame,
  segmentPath,
} from './segment.ts'
import { openSegment } from './segment-file.ts'

const WINDOW_BYTES = 1024 * 1024

/** The report, and the intact frames of each segment, which a repair keeps. */
export interface CheckedPartition {
  readonly report: PartitionReport
  readonly segments: readonly CheckedSegment[]
  /** How far the writer said that records are durable. */
  readonly mark: DurableMark | undefined
}

/** A segment as a list of runs of intact frames. */
export interface CheckedSegment {
  readonly base: number
  readonly path: string
  /** Length of all frames. */
  readonly bytes: number
  /** Length of the file. */
  readonly diskBytes: number
  readonly isCompressed: boolean
  readonly runs: readonly IntactRun[]
}

/** Intact frames that follow one another: bytes of the file, and their offsets; ends excluded. */
export interface IntactRun {
  readonly start: Place
  readonly end: Place
}

/** What is gathered while segments are read. */
interface Tally {
  records: number
  firstMs: number | null
  lastMs: number | null
  unfinishedBytes: number
  readonly damage: LogDamage[]
  readonly lost: LostRecords[]
}

/** How to check a partition. */
export interface CheckOptions {
  /** The log must have all records before this offset, as they were read from it. */
  readonly committedEnd: number
  /** Gets the bytes of each segment once it is read. */
  readonly onBytes?: (bytes: number) => void
}

/** Checks a partition; without a directory it is empty. */
export async function checkPartition(
  files: Files,
  { topic, partition, dir }: Partition,
  { committedEnd, onBytes = () => {} }: CheckOptions,
): Promise<CheckedPartition> {
  // The mark first: what it says is durable is in segments that exist.
  const mark = await loadMark(files, dir)
  const bases = await listSegments(files, dir)
  const tally: Tally = {
    ...{ records: 0, firstMs: null, lastMs: null, unfinishedBytes: 0, damage: [], lost: [] },
  }
  const segments: CheckedSegment[] = []
  const wanted = Math.max(committedEnd, mark?.end.offset ?? 0)
  let end = bases[0] ?? 0
  for (const [index, base] of bases.entries()) {
    const next = bases[index + 1]
    const place = { base, path: segmentPath(dir, base), next, end: wanted }
    const checked = await checkSegment(files, place, tally).catch((error: unknown) =>
      ignoreRemoved(files, dir, base, error),
    )
    if (!checked) continue
    segments.push(checked)
    onBytes(checked.diskBytes)
    end = Math.max(end, next ?? checked.runs.at(-1)?.end.offset ?? base)
  }
  if (segments.length === 0 && wanted > 0)
    tally.damage.push({
      ...{ kind: 'missing', file: segmentPath(dir, 0), position: 0, bytes: 0, from: 0, to: wanted },
    })
  const { unfinishedBytes, ...found } = tally
  const report = {
    ...{ topic, partition, segments: segments.length, start: segments[0]?.base ?? 0 },
    compressed: segments.filter(({ isCompressed }) => isCompressed).length,
    bytes: segments.reduce((sum, { diskBytes }) => sum + diskBytes, 0),
    end: Math.max(end, ...tally.damage.map(({ to }) => to)),
    ...found,
    unfinishedBytes,
  }
  return { report, segments, mark }
}

/**
 * The damage of one segment, as half a sentence; undefined: it is intact. It must go on to the next
 * one or, if it is the last, to `committedEnd` and as far as its writer said.
 */
export async function findSegmentDamage(
  files: Files,
  dir: string,
  about: {
    readonly base: number
    readonly next: number | undefined
    readonly committedEnd: number
  },
): Promise<string | undefined> {
  const mark = await loadMark(files, dir)
  const tally: Tally = {
    ...{ records: 0, firstMs: null, lastMs: null, unfinishedBytes: 0, damage: [], lost: [] },
  }
  const { base, next, committedEnd } = about
  const end = Math.max(committedEnd, mark?.end.offset ?? 0)
  const place = { base, path: segmentPath(dir, base), next, end }
  await checkSegment(files, place, tally).catch((error) => ignoreRemoved(files, dir, base, error))
  const [first] = tally.damage
  if (!first) return undefined
  const more = tally.damage.length > 1 ? `, and ${tally.damage.length - 1} more places` : ''
  return `is damaged: ${first.kind} at byte ${first.position}, ${describeOffsets(first)}${more}`
}

/** A segment that retention has removed meanwhile, and all before it, is no damage. */
async function ignoreRemoved(
  files: Files,
  dir: string,
  base: number,
  error: unknown,
): Promise<undefined> {
  const start = isErrno(error, 'ENOENT') ? (await listSegments(files, dir))[0] : undefined
  if (start === undefined || start <= base) throw error
}

/** A segment to check. */
interface SegmentPlace {
  readonly base: number
  readonly path: string
  /** Where the next one begins; undefined: it is the last. */
  readonly next: number | undefined
  /** Up to this offset the last one must have its records. */
  readonly end: number
}

async function checkSegment(files: Files, at: SegmentPlace, tally: Tally): Promise<CheckedSegment> {
  const { base, path } = at
  const file = await openSegment(files, path)
  try {
    const bytes = await file.size()
    const window = new FileWindow(Math.max(64, Math.min(WINDOW_BYTES, bytes)))
    const runs: IntactRun[] = []
    let place: Place = { position: 0, offset: base }
    for (;;) {
      const run = await readRun(file, window, place, (header) => count(tally, header))
      if (run.end.position > run.start.position) runs.push(run)
      place = run.end
      if (place.position >= bytes) break
      const later = await findLaterFrame(file, place).catch(ignoreUnreadable)
      if (later === undefined) break
      tally.damage.push({
        ...{ kind: 'damaged', file: path, position: place.position, from: place.offset },
        ...{ bytes: later.position - place.position, to: later.offset },
      })
      place = later
    }
    noteTail(at, place, bytes, tally)
    const { isIntact = true, diskBytes = bytes } = file.compressed ?? {}
    // Its records can be read; nobody knows for how long.
    if (!isIntact)
      tally.damage.push({
        ...{ kind: 'damaged', file: path, position: 0, bytes: 0, from: base, to: base },
      })
    return { base, path, bytes, diskBytes, isCompressed: file.compressed !== undefined, runs }
  } finally {
    await file.close()
  }
}

/** Reads intact frames one after another from a place on. */
async function readRun(
  file: OpenFile,
  window: FileWindow,
  start: Place,
  onFrame: (header: FrameHeader) => void,
): Promise<IntactRun> {
  let end = start
  for (;;) {
    const header = await readWholeFrame(file, window, end).catch(ignoreUnreadable)
    if (header === undefined) return { start, end }
    onFrame(header)
    end = nextPlace(end, header)
  }
}

/** A disk that can't read a part of the file has damaged it. */
function ignoreUnreadable(error: unknown): undefined {
  if (isErrno(error, 'EIO')) return undefined
  throw error
}

function count(
  tally: Tally,
  { isLost, isErased, baseOffset, count: records, appendMs }: FrameHeader,
): void {
  if (isLost) {
    tally.lost.push({
      ...{ from: baseOffset, to: baseOffset + records, repairedMs: appendMs, isErased },
    })
    return
  }
  tally.records += records
  tally.firstMs ??= appendMs
  tally.lastMs = appendMs
}

/** What lies after the last intact frame of a segment, and what should. */
function noteTail({ path, next, end }: SegmentPlace, place: Place, bytes: number, tally: Tally) {
  const { position, offset: from } = place
  const rest = Math.max(0, bytes - position)
  const to = next ?? Math.max(end, from)
  const add = (kind: LogDamage['kind'], span: { from: number; to: number }) =>
    tally.damage.push({ kind, file: path, position, bytes: rest, ...span })
  if (to < from) add('overlap', { from: to, to: from })
  else if (to > from) add(rest > 0 ? 'damaged' : 'missing', { from, to })
  else if (rest > 0 && next !== undefined) add('surplus', { from, to })
  else tally.unfinishedBytes = rest
}
