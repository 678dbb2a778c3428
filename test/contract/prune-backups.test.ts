/** Which objects go with a backup that is removed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolderStore } from '../../cli/adapters/backup/folder-store.ts'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { pruneBackups } from '../../cli/domain/backup/prune-backups.ts'
import { snapshotKey } from '../../cli/domain/backup/snapshot.ts'
import { renderSnapshot } from '../../cli/domain/backup/snapshot-text.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-prune-backups-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('what only removed backups had goes at once, what none ever had stays a day', async () => {
  const store = openFolderStore(diskFiles(), dir)
  const write = (key: string, text: string) =>
    store.write(key, text.length, async function* () {
      yield Buffer.from(text)
    })
  const nowMs = Date.now()
  const takeBackup = async (ageMs: number, chunk: string) => {
    await write(chunk, 'rows')
    const object = { key: chunk, bytes: 4, crc32: 0, from: 0 }
    const segments = [{ base: 0, fileId: 'a', end: 1, chunks: [object] }]
    const log = [{ topic: 'events.raw', partition: 0, segments }]
    const takenMs = nowMs - ageMs
    const bytes = renderSnapshot({ takenMs, commit: null, log, notes: [] })
    await write(snapshotKey(takenMs), bytes.toString())
  }
  await takeBackup(7_200_000, 'log/with-the-person')
  await write('log/of-a-backup-in-progress', 'rows')
  await takeBackup(2_000, 'log/without-the-person')
  const pruned = await pruneBackups(store, { keepMs: 1_000, nowMs }, async () => true)
  expect(pruned).toMatchObject({ backups: 1, kept: 1, objects: 2, applied: true })
  const left = (await store.list('')).map(({ key }) => key)
  expect(left).toEqual([
    'log/of-a-backup-in-progress',
    'log/without-the-person',
    snapshotKey(nowMs - 2_000),
  ])
})
