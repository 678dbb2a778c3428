/** Composition of erasing a person from a data directory. */

import type { EraseResult } from '../domain/erase/erase-person.ts'
import type { Person } from '../domain/erase/erased-ids.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import { RAW_TOPIC } from '../domain/log/topics.ts'
import type { Project } from '../project.ts'
import { openBackupStore } from './backup/place.ts'
import { openLogic } from './project-logic.ts'
import { openStore } from './store.ts'

/** CCS_ENGINE_LOCKED or CCS_LOG_LOCKED while others use the data; CCS_USAGE_INVALID on Kafka. */
export async function eraseFromProject(
  project: Project,
  person: Person,
  run: {
    readonly confirm: (plan: EraseResult) => Promise<boolean>
    readonly onNotice: (text: string) => void
  },
): Promise<EraseResult> {
  if (project.target.kafka)
    throw new CcsError('CCS_USAGE_INVALID', `The log of ${project.target.name} is kept by Kafka.`, {
      hint: 'Kafka can erase only by its retention; ccs erase works on --target local.',
    })
  const [
    erase,
    rows,
    log,
    erased,
    { takeEngineLock },
    engine,
    clocks,
    { dataLayout },
    files,
    ends,
  ] = await Promise.all([
    import('../domain/erase/erase-person.ts'),
    import('../adapters/lake/person-rows.ts'),
    import('../adapters/log/erase-log.ts'),
    import('../adapters/files/erased-file.ts'),
    import('../adapters/lake/engine-lock.ts'),
    import('../engines/embedded/erase-rows.ts'),
    import('../adapters/process/system-clock.ts'),
    import('../domain/lake/layout.ts'),
    import('../adapters/files/files.ts'),
    import('../domain/lake/committed-ends.ts'),
  ])
  const store = await openStore(project.dataDir)
  const { root, manifests } = store
  const lock = await takeEngineLock(store, 'ccs erase')
  try {
    const logic = await openLogic(project)
    const clock = clocks.systemClock()
    const parts = {
      ...{ config: project.config, logic, store, clock, topic: RAW_TOPIC },
      ...{ onNotice: run.onNotice, openSide: (side: string) => openStore(side) },
    }
    await engine.requireWholeLog(parts)
    const nowMs = clock.nowMs()
    const ports = {
      nowMs,
      loadErased: () => erased.loadErased(store.files, root),
      saveErased: (list: Parameters<typeof erased.saveErased>[2]) =>
        erased.saveErased(store.files, root, list),
      manifest: () => manifests.load(),
      logEnds: async () => {
        const found = new Map<string, number>()
        for (const partition of await store.log.partitions(RAW_TOPIC))
          found.set(`${RAW_TOPIC}-${partition}`, (await store.log.range(RAW_TOPIC, partition)).end)
        return found
      },
      findEvents: async (one: Person) => rows.findPersonEvents(store, await manifests.load(), one),
      eraseRecords: async (
        isPersons: Parameters<typeof log.eraseLog>[1]['isPersons'],
        isDryRun: boolean,
      ) => {
        const committed = ends.listCommittedEnds(await manifests.load())
        const options = { files: store.files, nowMs, isPersons, isDryRun, committed }
        return log.eraseLog(dataLayout(root).log, options)
      },
      rebuildRows: () => engine.rebuildErased(parts),
      redactHistory: async (ids: readonly string[]) => {
        const { redactHistory } = await import('../adapters/files/history-file.ts')
        for (const id of ids) await redactHistory(root, id)
      },
      findTraces: (ids: readonly string[]) => rows.findTraces(store.files, root, ids),
      saveReceipt: async (receipt: object) => {
        const path = `${root}/erasures/${new Date(nowMs).toISOString().replaceAll(':', '-')}.json`
        await store.files.mkdir(`${root}/erasures`)
        const text = `${JSON.stringify(receipt, null, 2)}\n`
        await files.writeFileAtomic(store.files, path, Buffer.from(text))
        return path
      },
      countBackups: () => countBackups(project),
    }
    return await erase.erasePerson(person, ports, run.confirm)
  } finally {
    await lock.release()
    await store.log.close()
  }
}

async function countBackups(project: Project): Promise<number | null> {
  if (project.config.backup.to === '') return null
  const { listBackups } = await import('../domain/backup/list-backups.ts')
  return (await listBackups(await openBackupStore(project, undefined))).length
}
