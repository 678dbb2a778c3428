/** Writes the log of a backup. */
import type { RestoredEnd } from '../../domain/backup/restore-backup.ts'
import type { SavedReader } from '../../domain/backup/saved-reader.ts'
import type { SavedPartition } from '../../domain/backup/snapshot.ts'
import { writePieces } from '../files/file-pieces.ts'
import type { Files } from '../files/files.ts'
import { cutLog } from './cut-log.ts'
import { segmentPath } from './segment.ts'

/** Where it is written, and up to which append time; undefined: all of it. */
export interface LogTarget {
  readonly dir: string
  readonly untilMs: number | undefined
}

/** `dir` has no files yet. CCS_BACKUP_INVALID for damage in the backup. */
export async function restoreLog(
  files: Files,
  reader: SavedReader,
  saved: readonly SavedPartition[],
  { dir, untilMs }: LogTarget,
): Promise<readonly RestoredEnd[]> {
  const restored: RestoredEnd[] = []
  for (const { topic, partition, segments } of saved) {
    const own = `${dir}/${topic}-${partition}`
    await files.mkdir(own)
    for (const { base, chunks } of segments)
      await writePieces(files, segmentPath(own, base), reader.read(...chunks))
    await files.fsyncDir(own)
    const cut = untilMs === undefined ? undefined : await cutLog(files, own, untilMs)
    restored.push({ topic, partition, end: cut ?? segments.at(-1)?.end ?? 0 })
  }
  return restored
}
