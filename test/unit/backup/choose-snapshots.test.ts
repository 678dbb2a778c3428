/** Which backups a time is restored from. */
import { expect, test } from 'vitest'
import { chooseSnapshots, joinLogs } from '../../../cli/domain/backup/choose-snapshots.ts'
import {
  parseSnapshotKey,
  type SavedPartition,
  type Snapshot,
  type SnapshotName,
  snapshotKey,
} from '../../../cli/domain/backup/snapshot.ts'

const MINUTE = 60_000

/** Backups each minute; a commit is up to date, or minutes old. */
const BACKUPS: readonly Snapshot[] = [
  { taken: 1, committed: 0 },
  { taken: 2, committed: 2 },
  { taken: 3, committed: 2 },
  { taken: 4, committed: 4 },
].map(({ taken, committed }) => {
  const committedMs = committed * MINUTE - 1
  const file = { key: `manifests/${committed}`, bytes: 1, crc32: 1 }
  const commit = committed > 0 ? { ...file, serial: committed, committedMs } : null
  return { takenMs: taken * MINUTE, commit, log: [], notes: [] }
})
const NAMES = BACKUPS.map(({ takenMs }) => ({ key: snapshotKey(takenMs), takenMs }))

async function load({ takenMs }: SnapshotName): Promise<Snapshot> {
  const found = BACKUPS.find((one) => one.takenMs === takenMs)
  if (!found) throw new Error('There is none.')
  return found
}

const choose = async (atMs: number | undefined) => {
  const chosen = await chooseSnapshots(NAMES.toReversed(), load, atMs)
  const serial = chosen?.commit?.commit?.serial ?? null
  return { log: (chosen?.log.takenMs ?? 0) / MINUTE, serial, untilMs: chosen?.untilMs }
}

test('without a time it is the newest', async () => {
  expect(await choose(undefined)).toEqual({ log: 4, serial: 4, untilMs: undefined })
})

test('the log is that of the first backup after the time, the commit the newest before it', async () => {
  const atMs = 2.5 * MINUTE
  expect(await choose(atMs)).toEqual({ log: 3, serial: 2, untilMs: atMs })
  expect(await choose(3.5 * MINUTE)).toEqual({ log: 4, serial: 2, untilMs: 3.5 * MINUTE })
})

test('before the first commit the log has everything', async () => {
  expect(await choose(1.5 * MINUTE)).toEqual({ log: 2, serial: null, untilMs: 1.5 * MINUTE })
  expect(await choose(0)).toEqual({ log: 1, serial: null, untilMs: 0 })
})

test('after the last backup it is the last, whole', async () => {
  expect(await choose(9 * MINUTE)).toEqual({ log: 4, serial: 4, untilMs: undefined })
})

test('no backup is undefined', async () => {
  expect(await chooseSnapshots([], load, undefined)).toBeUndefined()
})

test('keys tell the time, and sort by it', () => {
  const ms = Date.UTC(2026, 0, 2, 3, 4, 5, 6)
  expect(parseSnapshotKey(snapshotKey(ms))).toEqual({ key: snapshotKey(ms), takenMs: ms })
  expect(parseSnapshotKey('snapshots/other.json')).toBeUndefined()
  expect(snapshotKey(ms) < snapshotKey(ms + 1)).toBe(true)
})

const partition = (...bounds: readonly (readonly [number, number])[]): SavedPartition => {
  const segments = bounds.map(([base, end]) => ({ base, end, fileId: 'f', chunks: [] }))
  return { topic: 't', partition: 0, segments }
}

test('segments that a later backup no longer has come from the earlier one, if they join', () => {
  const older = [partition([0, 10], [10, 20], [20, 25])]
  expect(joinLogs(older, [partition([20, 30])])).toEqual([partition([0, 10], [10, 20], [20, 30])])
  expect(joinLogs(older, [partition([30, 40])])).toEqual([partition([30, 40])])
  expect(joinLogs([], [partition([20, 30])])).toEqual([partition([20, 30])])
})
