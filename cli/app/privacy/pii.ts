/** Composition of the commands on the keys of pseudonyms. */
import type { KeysPorts } from '../../domain/privacy/change-keys.ts'
import type { Project } from '../../project.ts'
import { openStore } from '../store.ts'

/** Runs with the keys; the engine's lock is held where an engine could use them meanwhile. */
export async function withPiiKeys<T>(
  project: Project,
  { isChange }: { readonly isChange: boolean },
  use: (ports: KeysPorts) => Promise<T>,
): Promise<T> {
  const [keys, { takeEngineLock }, { findNewestEventMs }, { dataLayout }, crypto, { ShopDays }] =
    await Promise.all([
      import('../../adapters/files/pii-keys-file.ts'),
      import('../../adapters/lake/engine-lock.ts'),
      import('../../adapters/lake/newest-event.ts'),
      import('../../domain/lake/layout.ts'),
      import('node:crypto'),
      import('../../generate/shop-days.ts'),
    ])
  const { config, target, dataDir } = project
  const store = await openStore(dataDir)
  const { files, root, manifests } = store
  const file = config.pii.keysFile ?? dataLayout(root).piiKeys
  const lock = isChange ? await takeEngineLock(store, 'ccs pii') : undefined
  const nowMs = Date.now()
  const { futureToleranceMs } = config.gate
  const days = new ShopDays(config.timezone)
  try {
    return await use({
      ...{ file, nowMs },
      newSecret: () => crypto.randomBytes(32).toString('base64'),
      load: () => keys.loadPiiKeys(files, file),
      save: (next) => keys.savePiiKeys(files, file, next),
      // Gates don't say how far their events are.
      newestMs: async () =>
        target.kafka
          ? nowMs + futureToleranceMs
          : findNewestEventMs({ ...store, manifest: await manifests.load() }),
      nextDayMs: (afterMs) => days.endMs(days.dayAt(afterMs)),
      dayBeginMs: (day) => days.endMs(day - 1),
    })
  } finally {
    await lock?.release()
    await store.log.close()
  }
}
