/** Which snapshots restore the state of a time. */
import type { SavedPartition, SavedSegment, Snapshot, SnapshotName } from './snapshot.ts'

/** The log comes from `log` and `commit` together, cut at the time; rows come from `commit`. */
export interface ChosenSnapshots {
  readonly log: Snapshot
  /** null: no commit is so old; the log has everything. */
  readonly commit: Snapshot | null
  /** Appended later: not restored. undefined: everything of `log` is. */
  readonly untilMs: number | undefined
}

/**
 * The first snapshot after the time has the log up to it. The newest commit before the time may be
 * that of an older snapshot. Without `atMs`: the newest of all. undefined: there is no snapshot.
 */
export async function chooseSnapshots(
  names: readonly SnapshotName[],
  load: (name: SnapshotName) => Promise<Snapshot>,
  atMs: number | undefined,
): Promise<ChosenSnapshots | undefined> {
  const sorted = names.toSorted((a, b) => a.takenMs - b.takenMs)
  const after = sorted.findIndex(({ takenMs }) => takenMs >= (atMs ?? Number.POSITIVE_INFINITY))
  const index = after < 0 ? sorted.length - 1 : after
  const name = sorted[index]
  if (!name) return undefined
  const log = await load(name)
  const untilMs = after < 0 ? undefined : atMs
  if (atMs === undefined || log.commit === null) return { log, commit: log, untilMs }
  if (log.commit.committedMs <= atMs) return { log, commit: log, untilMs }
  for (const earlier of sorted.slice(0, index).reverse()) {
    const found = await load(earlier)
    if (found.commit === null) break
    if (found.commit.committedMs <= atMs) return { log, commit: found, untilMs }
  }
  return { log, commit: null, untilMs }
}

/** Segments of both, of the newer snapshot where it has them: it may have pruned old ones. */
export function joinLogs(
  older: readonly SavedPartition[],
  newer: readonly SavedPartition[],
): readonly SavedPartition[] {
  return newer.map(({ topic, partition, segments }) => {
    const before = older.find((one) => one.topic === topic && one.partition === partition)
    const first = segments[0]?.base ?? Number.POSITIVE_INFINITY
    const old = (before?.segments ?? []).filter(({ base }) => base < first)
    return { topic, partition, segments: isJoined(old, first) ? [...old, ...segments] : segments }
  })
}

function isJoined(old: readonly SavedSegment[], first: number): boolean {
  return old.at(-1)?.end === first
}
