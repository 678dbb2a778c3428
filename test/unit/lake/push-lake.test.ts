/** Uploading the lake: what is visible is whole at every moment, and nothing is left behind. */
import { describe, expect, test } from 'vitest'
import { parseCopyManifest } from '../../../cli/domain/lake/s3/copy-manifest.ts'
import {
  type CopiedLake,
  findFaults,
  listExpectedKeys,
  makeLakeFile,
  openCopiedLake,
  openPusher,
} from '../../fixtures/copied-lake.ts'
import { isCrash, seededRandom } from '../../fixtures/fault-files.ts'
import {
  type CallFate,
  type MemoryObjects,
  openMemoryObjects,
  withFates,
} from '../../fixtures/memory-objects.ts'

const bronze = makeLakeFile('bronze.events', 1, 'c00000002')
const silver = makeLakeFile('silver.events', 1, 'c00000002')
const later = makeLakeFile('silver.events', 2, 'c00000003')
const merged = makeLakeFile('silver.events', 1, 'compact-3-0')
const rebuilt = makeLakeFile('bronze.events', 1, 'd00000005')

/** Commits, a compaction and a rebuild; `step` uploads between them. */
async function live(lake: CopiedLake, step: () => Promise<void>): Promise<void> {
  lake.commit([bronze, silver])
  await step()
  lake.commit([later])
  await step()
  lake.commit([merged], [silver])
  await step()
  lake.rebuild([rebuilt])
  await step()
}

const keysOf = ({ objects }: MemoryObjects) => [...objects.keys()].sort()
const visibleOf = ({ objects }: MemoryObjects) =>
  parseCopyManifest(objects.get('manifest.json') ?? Buffer.from(''), 'test')

test('each commit becomes visible with its files and clicks, and what it replaced goes', async () => {
  const lake = openCopiedLake()
  const store = openMemoryObjects()
  const pusher = openPusher(lake, store)
  await live(lake, async () => {
    await pusher.pass()
    expect(visibleOf(store).serial).toBe(lake.manifest.serial)
    expect(await findFaults(store)).toEqual([])
    expect(keysOf(store)).toEqual(listExpectedKeys(lake))
  })
  const { files, replaced, generation } = visibleOf(store)
  expect(files.map(({ table, partition, from }) => [table, partition, from])).toEqual([
    ['bronze.events', 'event_date=2026-01-01', undefined],
    ['bronze.clicks', 'dt=2026-01-01', rebuilt.name],
  ])
  expect({ replaced, generation }).toEqual({ replaced: [], generation: 2 })
})

test('a replaced file stays for lake.keep after the manifest that no longer names it', async () => {
  const lake = openCopiedLake()
  const store = openMemoryObjects()
  let nowMs = 1_000
  const pusher = openPusher(lake, store, { keepMs: 500, nowMs: () => nowMs })
  lake.commit([silver])
  await pusher.pass()
  lake.commit([merged], [silver])
  nowMs = 2_000
  await pusher.pass()
  const old = `silver/events/event_date=2026-01-01/${silver.name}`
  expect(visibleOf(store).replaced).toEqual([{ key: old, sinceMs: 2_000, generation: 1 }])
  expect(pusher.nextDueMs).toBe(2_500)
  nowMs = 2_499
  await pusher.pass()
  expect(store.objects.has(old)).toBe(true)
  nowMs = 2_500
  await pusher.pass()
  expect(keysOf(store)).toEqual(listExpectedKeys(lake))
})

describe('a crash before or after any call', () => {
  for (const fate of ['crash before', 'crash after'] as const)
    test(`${fate}: what is visible is whole, and the next process finishes`, async () => {
      let crashed = true
      for (let at = 0; crashed; at++) {
        crashed = false
        const lake = openCopiedLake()
        const store = openMemoryObjects()
        const faulty = withFates(store, (call) => (call === at ? fate : 'ok'))
        let pusher = openPusher(lake, faulty)
        const step = async () => {
          try {
            await pusher.pass()
          } catch (error) {
            if (!isCrash(error)) throw error
            crashed = true
            expect(await findFaults(store), `${fate} call ${at}`).toEqual([])
            pusher = openPusher(lake, store)
            await pusher.pass()
          }
          expect(visibleOf(store).serial).toBe(lake.manifest.serial)
          expect(await findFaults(store), `${fate} call ${at}`).toEqual([])
        }
        await live(lake, step)
        expect(keysOf(store), `${fate} call ${at}`).toEqual(listExpectedKeys(lake))
        if (at > 200) throw new Error('there are fewer calls than that')
      }
    })
})

test('calls that fail or whose answers are lost are made again', async () => {
  const random = seededRandom(7)
  const lake = openCopiedLake()
  const store = openMemoryObjects()
  const fates: readonly CallFate[] = ['fails', 'lost answer', 'ok', 'ok', 'ok']
  const faulty = withFates(store, () => fates[Math.floor(random() * fates.length)] ?? 'ok')
  const pusher = openPusher(lake, faulty)
  const untilDone = async () => {
    for (let round = 0; round < 20; round++) {
      const done = await pusher.pass().catch(() => undefined)
      if (done) return
    }
    throw new Error('it never got through')
  }
  await live(lake, untilDone)
  expect(keysOf(store)).toEqual(listExpectedKeys(lake))
  expect(await findFaults(store)).toEqual([])
})

test('an object that the server stored in part is sent again before anybody sees it', async () => {
  const lake = openCopiedLake()
  const store = openMemoryObjects()
  const key = `silver/events/event_date=2026-01-01/${silver.name}`
  let cuts = 1
  const cutting = {
    ...store,
    write: async (...args: Parameters<typeof store.write>) => {
      await store.write(...args)
      if (args[0] === key && cuts-- > 0) store.objects.set(key, Buffer.from('half'))
    },
  }
  lake.commit([silver])
  await openPusher(lake, cutting).pass()
  expect(await findFaults(store)).toEqual([])
  store.objects.set(key, Buffer.from('rotten'))
  const done = await openPusher(lake, store).pass({ isChecked: true })
  expect(done.uploadedFiles).toBe(1)
  expect(await findFaults(store)).toEqual([])
})

test('the copy of another directory is refused, unless it is taken over', async () => {
  const lake = openCopiedLake()
  const store = openMemoryObjects()
  lake.commit([silver])
  await openPusher(lake, store).pass()
  const other = openCopiedLake()
  other.commit([later])
  const pusher = openPusher(other, store, { lake: 'other' })
  await expect(pusher.pass()).rejects.toMatchObject({ code: 'CCS_S3_INVALID' })
  expect(visibleOf(store).lake).toBe('own')
  await pusher.pass({ isTakenOver: true })
  expect(visibleOf(store).lake).toBe('other')
  expect(keysOf(store)).toEqual(listExpectedKeys(other))
  await expect(openPusher(lake, store).pass()).rejects.toMatchObject({ code: 'CCS_S3_INVALID' })
})

test('objects that are not of the lake stay, and those of no commit go', async () => {
  const lake = openCopiedLake()
  const store = openMemoryObjects()
  const others = ['bronze/events.valid/dt=2026-01-01/events.valid+0+0.parquet', 'notes.txt']
  for (const key of others) store.objects.set(key, Buffer.from('mine'))
  const orphan = 'silver/events/event_date=2026-01-01/c00000001-0000-00000000.parquet'
  store.objects.set(orphan, Buffer.from('left over'))
  lake.commit([silver])
  await openPusher(lake, store).pass()
  expect(keysOf(store)).toEqual([...listExpectedKeys(lake), ...others].sort())
})

test('what waits is told when the bucket is away, before and after it was reached', async () => {
  const lake = openCopiedLake()
  const store = openMemoryObjects()
  let isAway = true
  const states: (readonly [boolean, number, number])[] = []
  const pusher = openPusher(
    lake,
    withFates(store, () => (isAway ? 'fails' : 'ok')),
    {
      onState: async ({ isKnown, waitingFiles, waitingBytes }) => {
        states.push([isKnown, waitingFiles, waitingBytes])
      },
    },
  )
  lake.commit([bronze, silver])
  await expect(pusher.pass()).rejects.toMatchObject({ code: 'CCS_S3_UNREACHABLE' })
  // The clicks of Bronze are the third.
  expect(states.at(-1)).toEqual([false, 3, bronze.bytes + silver.bytes])
  isAway = false
  await pusher.pass()
  expect(states.at(-1)).toEqual([true, 0, 0])
  isAway = true
  lake.commit([later])
  await expect(pusher.pass()).rejects.toMatchObject({ code: 'CCS_S3_UNREACHABLE' })
  expect(states.at(-1)).toEqual([true, 1, later.bytes])
})
