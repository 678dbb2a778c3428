/** The segments of the log as files that are compressed, and that retention removes. */

import { appendAll } from '../../domain/kernel/lists.ts'
import type { CompressPorts, PlainSegment } from '../../domain/lake/compress-log.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { PrunePorts } from '../../domain/lake/prune.ts'
import { DLQ_TOPIC, RAW_TOPIC } from '../../domain/log/topics.ts'
import { type Files, isErrno } from '../files/files.ts'
import { listLogPartitions } from './check-log.ts'
import { draftPath, removeDrafts, replaceBy, writeCompressed } from './compress-segment.ts'
import type { Partition } from './partition-reader.ts'
import { openPruneFiles } from './prune-log.ts'
import { listSegments, segmentPath } from './segment.ts'
import { readHead } from './segment-file.ts'

const TOPICS: readonly string[] = [RAW_TOPIC, DLQ_TOPIC]

/** What works on the segments of a data directory: one for each process, under its lock. */
export function openLogFiles(place: {
  readonly files: Files
  readonly root: string
}): PrunePorts & CompressPorts {
  const { files, root } = place
  const dir = dataLayout(root).log
  const known = new Set<string>()
  const inodes = new Map<string, number>()
  let isClean = false
  const pathOf = ({ topic, partition, from }: PlainSegment) =>
    segmentPath(`${dir}/${topic}-${partition}`, from)
  return {
    ...openPruneFiles(place),

    listPlain: async () => {
      const all = await listLogPartitions(files, dir, [])
      const own = all.filter(({ topic }) => TOPICS.includes(topic))
      if (!isClean) for (const one of own) await removeDrafts(files, one.dir)
      isClean = true
      const found: PlainSegment[] = []
      for (const one of own) appendAll(found, await listPlain(files, one, known))
      return found
    },

    compress: async (segment, pace) => {
      const path = pathOf(segment)
      const { inode } = await files.stat(path)
      inodes.set(path, inode)
      const { from: base, to: end } = segment
      const source = { path, base, end, fileId: inode.toString(36) }
      return writeCompressed(files, source, draftPath(path), pace)
    },

    replace: async (segment) => {
      const path = pathOf(segment)
      const now = await files.stat(path).catch(ignoreMissing)
      if (now && now.inode === inodes.get(path)) {
        await replaceBy(files, draftPath(path), path)
        known.add(path)
        return true
      }
      await files.remove(draftPath(path))
      return false
    },
  }
}

async function listPlain(
  files: Files,
  { topic, partition, dir }: Partition,
  known: Set<string>,
): Promise<readonly PlainSegment[]> {
  const bases = await listSegments(files, dir)
  const found: PlainSegment[] = []
  for (const [index, from] of bases.entries()) {
    const to = bases[index + 1]
    const path = segmentPath(dir, from)
    if (to === undefined || known.has(path)) continue
    const head = await readHead(files, path, from).catch(ignoreMissing)
    if (head?.isCompressed) known.add(path)
    else if (head) found.push({ topic, partition, from, to, bytes: head.bytes })
  }
  return found
}

/** Retention may have removed it just now. */
function ignoreMissing(error: unknown): undefined {
  if (!isErrno(error, 'ENOENT')) throw error
}
