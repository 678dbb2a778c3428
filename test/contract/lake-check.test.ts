/** Damage to files of the lake is found before the engine serves them, or soon after. */
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '../../cli/adapters/lake/data-store.ts'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import { openStore } from '../../cli/app/store.ts'
import type { Manifest } from '../../cli/domain/lake/manifest.ts'
import { checkNewestFiles, checkRemainingFiles } from '../../cli/domain/lake/startup-check.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { APPEND_MS, drain, makeRecords, makeRig, openRig, RAW } from '../fixtures/pipeline-rig.ts'

let root: string
let store: Store
let manifest: Manifest

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-lake-check-'))
  const rig = await makeRig(['bronze.events', 'silver.events'])
  const { records } = await makeRecords(rig, 100, 3)
  const open = await openRig(rig, root)
  const writer = await open.store.log.writer(RAW, 0, 'test')
  await writer.append(RecordBatch.of(records), APPEND_MS)
  await drain(open)
  await open.close()
  store = await openStore(root)
  const loaded = await store.manifests.load()
  if (!loaded) throw new Error('nothing was committed')
  manifest = loaded
  await store.lake.finalize(manifest)
})

afterAll(async () => {
  await store.log.close()
  await rm(root, { recursive: true, force: true })
})

/** The error that would end the engine; undefined if all files were checked and are intact. */
async function faultOfRest(files: Manifest['files'], named: Manifest): Promise<unknown> {
  let fault: unknown
  const engine = {
    manifest: named,
    fail: (error: unknown) => {
      fault = error
    },
  }
  const checking = checkRemainingFiles(store.lake, files, { engine, clock: systemClock() })
  await new Promise((resolve) => setTimeout(resolve, 200 + 50 * files.length))
  await checking.stop()
  return fault
}

test('a flipped bit is found at start or in the background; replaced files pass', async () => {
  expect(await checkNewestFiles(store.lake, manifest, systemClock())).toEqual([])
  expect(await faultOfRest(manifest.files, manifest)).toBeUndefined()

  const file = manifest.files[0]
  if (!file) throw new Error('the lake has no file')
  const path = store.lake.path(file)
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  writeFileSync(path, bytes)

  const damaged = { code: 'CCS_LAKE_DAMAGED', message: expect.stringContaining(file.name) }
  await expect(checkNewestFiles(store.lake, manifest, systemClock())).rejects.toMatchObject(damaged)
  expect(await faultOfRest(manifest.files, manifest)).toMatchObject(damaged)
  const without = { ...manifest, files: manifest.files.slice(1) }
  expect(await faultOfRest(manifest.files, without)).toBeUndefined()
})
