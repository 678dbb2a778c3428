/** Ends the last segment of a partition to which nobody writes, so that retention can remove it. */
import { CcsError } from '../../domain/kernel/errors.ts'
import type { Files } from '../files/files.ts'
import { systemProcesses } from '../files/process-id.ts'
import { loadMark } from './durable-end.ts'
import type { Partition } from './partition-reader.ts'
import { lockPartition } from './partition-writer.ts'
import { recoverEnd } from './recover-end.ts'
import { segmentPath } from './segment.ts'
import { saveMark } from './write-mark.ts'

/**
 * Begins an empty segment at offset `end`, durably. False: somebody writes to the partition, or
 * has done so since it ended there.
 */
export async function closeSegment(
  files: Files,
  partition: Partition,
  end: number,
): Promise<boolean> {
  const { dir } = partition
  const about = { files, processes: systemProcesses(), owner: 'ccs prune' }
  const lock = await lockPartition(partition, about).catch((error: unknown) => {
    if (error instanceof CcsError && error.code === 'CCS_LOG_LOCKED') return undefined
    throw error
  })
  if (!lock) return false
  try {
    const last = await recoverEnd(files, dir, await loadMark(files, dir))
    await last.segment.close()
    const { mark } = last
    if (mark.end.offset !== end || mark.end.position === 0) return mark.end.offset === end
    await (await files.open(segmentPath(dir, end), 'wx+')).close()
    await files.fsyncDir(dir)
    await saveMark(files, dir, { ...mark, segment: end, end: { position: 0, offset: end } })
    return true
  } finally {
    await lock.release()
  }
}
