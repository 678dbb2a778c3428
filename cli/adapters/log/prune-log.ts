/** The segments of the log as files that retention may remove, and their removal. */
import { dataLayout } from '../../domain/lake/layout.ts'
import type { PrunePorts } from '../../domain/lake/prune.ts'
import type { ClosedSegment, SegmentedPartition } from '../../domain/lake/prune-plan.ts'
import { DLQ_TOPIC, RAW_TOPIC } from '../../domain/log/topics.ts'
import { type Files, isErrno } from '../files/files.ts'
import { listLogPartitions } from './check-log.ts'
import { closeSegment } from './close-segment.ts'
import { loadMark } from './durable-end.ts'
import type { Partition } from './partition-reader.ts'
import { listSegments, segmentPath } from './segment.ts'
import { readHead } from './segment-file.ts'

/** A data directory. */
interface LogPlace {
  readonly files: Files
  readonly root: string
}

const TOPICS: readonly string[] = [RAW_TOPIC, DLQ_TOPIC]

/** All partitions of the log of a data directory, as files with their times. */
export async function listSegmented(
  { files, root }: LogPlace,
  isWanted: (topic: string) => boolean = () => true,
): Promise<readonly SegmentedPartition[]> {
  const found: SegmentedPartition[] = []
  for (const one of await listLogPartitions(files, dataLayout(root).log, []))
    if (isWanted(one.topic)) found.push(await listPartition(files, one))
  return found
}

/** The log of a data directory; of topics without retention nothing is read. */
export function openPruneFiles(place: LogPlace): PrunePorts {
  const { files, root } = place
  const find = async (topic: string, partition: number) => {
    const all = await listLogPartitions(files, dataLayout(root).log, [])
    return all.find((one) => one.topic === topic && one.partition === partition)
  }
  return {
    nowMs: () => Date.now(),
    list: () => listSegmented(place, (topic) => TOPICS.includes(topic)),
    remove: async (topic, partition, before) => {
      const own = await find(topic, partition)
      if (own) await removeBefore(files, own.dir, before)
    },
    close: async (topic, partition, end) => {
      const own = await find(topic, partition)
      if (own) await closeSegment(files, own, end)
    },
  }
}

async function listPartition(
  files: Files,
  { topic, partition, dir }: Partition,
): Promise<SegmentedPartition> {
  const bases = await listSegments(files, dir)
  const heads: { base: number; bytes: number; firstMs: number | null }[] = []
  for (const base of bases) {
    const head = await readHead(files, segmentPath(dir, base), base).catch((error: unknown) => {
      // Beside an engine that prunes.
      if (!isErrno(error, 'ENOENT') || base === bases.at(-1)) throw error
      return undefined
    })
    if (head) heads.push({ base, ...head })
  }
  const last = heads.at(-1)
  const mark = await loadMark(files, dir)
  // After a crash, the mark may be older than the last segment.
  const newest = Math.max(mark?.appendMs ?? 0, last?.firstMs ?? 0)
  const newestMs = newest > 0 ? newest : null
  const closed = heads.slice(0, -1).map(({ base, bytes, firstMs }, index): ClosedSegment => {
    const next = heads[index + 1]
    const untilMs = next?.bytes === 0 && next === last ? newestMs : (next?.firstMs ?? null)
    return { from: base, to: next?.base ?? base, bytes, firstMs, untilMs }
  })
  const isKnown = mark !== undefined && mark.segment === last?.base && mark.end.offset > last.base
  return {
    ...{ topic, partition, closed, newestMs },
    ...{ lastBytes: last?.bytes ?? 0, lastFirstMs: last?.firstMs ?? null },
    last: isKnown ? { from: mark.segment, to: mark.end.offset } : null,
  }
}

/** After a crash the segments that are left follow one another, as each removal is durable. */
async function removeBefore(files: Files, dir: string, before: number): Promise<void> {
  const bases = await listSegments(files, dir)
  for (const [index, base] of bases.entries()) {
    const next = bases[index + 1]
    if (next === undefined || next > before) return
    await files.remove(segmentPath(dir, base))
    await files.fsyncDir(dir)
  }
}
