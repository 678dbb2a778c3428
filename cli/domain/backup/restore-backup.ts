/** Restores a state of a data directory from the snapshots of a backup. */
import { CcsError } from '../kernel/errors.ts'
import type { Manifest } from '../lake/manifest.ts'
import { type ChosenSnapshots, joinLogs } from './choose-snapshots.ts'
import type { SavedCommit, SavedNote, SavedPartition } from './snapshot.ts'

/** A partition that was restored; `end` is the offset after its last record. */
export interface RestoredEnd {
  readonly topic: string
  readonly partition: number
  readonly end: number
}

/** Writes into the new directory; CCS_BACKUP_INVALID for damage in the backup. */
export interface RestorePorts {
  restoreLog(
    saved: readonly SavedPartition[],
    untilMs: number | undefined,
  ): Promise<readonly RestoredEnd[]>
  restoreCommit(commit: SavedCommit): Promise<Manifest>
  restoreNote(note: SavedNote): Promise<void>
}

/** What was restored. */
export interface RestoredState {
  /** undefined: no rows; the engine makes them of the log. */
  readonly manifest: Manifest | undefined
  readonly partitions: readonly RestoredEnd[]
}

/** The log first, then the commit, which says that the directory is complete. */
export async function restoreState(
  { log, commit, untilMs }: ChosenSnapshots,
  ports: RestorePorts,
): Promise<RestoredState> {
  const saved = joinLogs(commit?.log ?? [], log.log)
  const partitions = await ports.restoreLog(saved, untilMs)
  for (const note of log.notes) await ports.restoreNote(note)
  if (!commit?.commit) requireFirstRecords(saved)
  const manifest = commit?.commit ? await ports.restoreCommit(commit.commit) : undefined
  requireWholeLog(manifest, partitions)
  return { manifest, partitions }
}

/** Without a commit all rows are made of the log. */
function requireFirstRecords(saved: readonly SavedPartition[]): void {
  for (const { topic, partition, segments } of saved) {
    const base = segments[0]?.base ?? 0
    if (base === 0) continue
    throw new CcsError(
      'CCS_BACKUP_INVALID',
      `No backup has a commit of that time, and ${topic}-${partition} begins with record ${base}.`,
      { hint: 'Restore a later time: ccs backup ls' },
    )
  }
}

/** The engine goes on behind what its rows are made of, so the log must have all of that. */
function requireWholeLog(manifest: Manifest | undefined, partitions: readonly RestoredEnd[]): void {
  for (const { topic, partition, nextOffset } of manifest?.positions ?? []) {
    const found = partitions.find((one) => one.topic === topic && one.partition === partition)
    if (found === undefined || found.end >= nextOffset) continue
    throw new CcsError(
      'CCS_BACKUP_INVALID',
      `The backup has ${topic}-${partition} up to record ${found.end}, but rows up to record ` +
        `${nextOffset}.`,
      { hint: 'Restore another one: ccs backup ls' },
    )
  }
}
