/** Backups of a log whose beginning retention removes, between two backups and during one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolderStore } from '../../cli/adapters/backup/folder-store.ts'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { openBackupSource } from '../../cli/adapters/lake/backup-source.ts'
import { listLiveLog } from '../../cli/adapters/log/live-log.ts'
import { runAudit } from '../../cli/app/audit.ts'
import { restoreBackup } from '../../cli/app/backup/restore.ts'
import { takeProjectBackup } from '../../cli/app/backup/take.ts'
import { pruneProjectLog } from '../../cli/app/log.ts'
import { type BackupSource, takeBackup } from '../../cli/domain/backup/take-backup.ts'
import { AgingShop, DAY_MS } from '../fixtures/aging-shop.ts'
import { SCRATCH } from '../fixtures/fault-files.ts'
import { makeRig, type Rig } from '../fixtures/pipeline-rig.ts'
import { readManifest } from '../fixtures/tamper.ts'

const FOUR_DAYS = { rawMs: 4 * DAY_MS, dlqMs: 4 * DAY_MS }
const PRUNED = { start: 30, pruned: 30, end: 60 }

let dir: string
let rig: Rig
let shop: AgingShop

const place = () => openFolderStore(diskFiles(), join(dir, 'place'))
const prune = () => pruneProjectLog(shop.project, async () => true)

beforeEach(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-prune-backup-'))
  rig = await makeRig(['bronze.events', 'silver.events'])
  const whole = new AgingShop(rig, join(dir, 'data'))
  await whole.appendAfter(0, 12)
  await whole.run()
  shop = new AgingShop(rig, join(dir, 'data'), FOUR_DAYS)
})
afterEach(() => rm(dir, { recursive: true, force: true }))

/** Restores the newest backup and audits it. */
async function expectPruned(): Promise<void> {
  const root = join(dir, 'restored')
  await restoreBackup(place(), root, {})
  expect((await readManifest(root)).pruned).toMatchObject({ rejects: 6 })
  const audit = await runAudit(new AgingShop(rig, root).project)
  expect(audit).toMatchObject({ ok: true, faults: [], log: [PRUNED] })
}

test('after pruning, a backup takes a new commit, which says what was removed', async () => {
  const run = { commitAgeMsMax: DAY_MS, onDamage: (text: string) => expect.unreachable(text) }
  const first = await takeProjectBackup(shop.project, place(), run)
  const again = await takeProjectBackup(shop.project, place(), run)
  expect(again.snapshot.commit).toEqual(first.snapshot.commit)
  expect(await prune()).toMatchObject({ applied: true })
  const { snapshot } = await takeProjectBackup(shop.project, place(), run)
  expect(snapshot.commit?.serial).toBe(2)
  await expectPruned()
})

test('a segment that is removed while a backup copies the log is left out', async () => {
  const store = await shop.store()
  let isPruned = false
  const log: BackupSource['log'] = async () => {
    const partitions = await listLiveLog(store.files, `${shop.root}/log`, expect.unreachable)
    return partitions.map((one) => {
      const segments = one.segments.map((segment) => ({
        ...segment,
        read: async function* (from: number, to: number) {
          if (one.topic === 'events.raw' && segment.base === 20 && !isPruned) {
            isPruned = true
            await prune()
          }
          yield* segment.read(from, to)
        },
      }))
      return { ...one, segments }
    })
  }
  const source = { ...openBackupSource(store), log }
  const nothing = { previous: undefined, previousManifest: undefined, present: new Set<string>() }
  const about = { nowMs: () => Date.now(), crc32, commitAgeMsMax: 0, ...nothing }
  const { snapshot } = await takeBackup(place(), source, about)
  expect([isPruned, snapshot.log.map(({ segments }) => segments[0]?.base)]).toEqual([true, [6, 30]])
  await store.log.close()
  await expectPruned()
})
