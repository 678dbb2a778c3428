/** Composition of erasing a person from a data directory. */

import type { PlacedRecord } from '../../domain/erase/anonymise-event.ts'
import type { DecideFate, EraseOptions, EraseResult } from '../../domain/erase/erase-person.ts'
import type { Person } from '../../domain/erase/erased-ids.ts'
import type { PersonValues } from '../../domain/erase/find-person.ts'
import { RAW_TOPIC } from '../../domain/log/topics.ts'
import type { Project } from '../../project.ts'
import { countBackups } from '../backup/place.ts'
import { eraseCopy } from '../copy/erased.ts'
import { forgetOldSnapshots } from '../copy/publish.ts'
import { listRawEnds } from '../log.ts'
import { openLogic } from '../project-logic.ts'
import { openStore } from '../store.ts'

/** CCS_ENGINE_LOCKED or CCS_LOG_LOCKED while others use the data. Not for a target with Kafka. */
export async function eraseFromProject(
  project: Project,
  person: Person,
  run: EraseOptions & { readonly onNotice: (text: string) => void },
): Promise<EraseResult> {
  const [
    erase,
    rows,
    log,
    erased,
    { takeEngineLock },
    engine,
    clocks,
    { dataLayout },
    { openEventCodec },
    ends,
    { findPerson },
    { openValueLister },
  ] = await Promise.all([
    import('../../domain/erase/erase-person.ts'),
    import('../../adapters/lake/person-rows.ts'),
    import('../../adapters/log/erase-log.ts'),
    import('../../adapters/files/erased-file.ts'),
    import('../../adapters/lake/engine-lock.ts'),
    import('../../engines/embedded/erase-rows.ts'),
    import('../../adapters/process/system-clock.ts'),
    import('../../domain/lake/layout.ts'),
    import('../../domain/gate/event-codec.ts'),
    import('../../domain/lake/committed-ends.ts'),
    import('../../domain/erase/find-person.ts'),
    import('../../adapters/files/pseudonym-source.ts'),
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
    const codec = openEventCodec({ ...project.config.gate, schemas: logic.rawSchemas })
    const listValues = await openValueLister(store, project.config, logic.rawSchemas)
    const search = async () => {
      const committed = ends.listCommittedEnds(await manifests.load())
      return { files: store.files, nowMs, committed }
    }
    const bronze = async () => ({ ...store, manifest: await manifests.load() })
    const thenForget = (run: (of: typeof parts) => Promise<void>) => () =>
      run(parts).then(() => forgetOldSnapshots(store))
    const ports = {
      nowMs,
      loadErased: () => erased.loadErased(store.files, root),
      saveErased: (list: Parameters<typeof erased.saveErased>[2]) =>
        erased.saveErased(store.files, root, list),
      manifest: () => manifests.load(),
      logEnds: () => listRawEnds(store.log),
      findEvents: (one: Person) =>
        findPerson(one, {
          listValues,
          find: async (values) => rows.findPersonEvents(await bronze(), values),
          readEvents: async (offsets) =>
            log.readEvents(dataLayout(root).log, await search(), { offsets, codec }),
        }),
      openAnonymiser: async (one: PersonValues, ids: readonly string[]) => {
        const { anonymisePerson } = await import('../../adapters/lake/anonymise-person.ts')
        const found = { bronze: await bronze(), macrosSql: logic.macrosSql, codec, ids }
        const readEvents = async (offsets: Parameters<typeof log.readEvents>[2]['offsets']) =>
          log.readEvents(dataLayout(root).log, await search(), { offsets, codec })
        return anonymisePerson(one, { ...found, readEvents })
      },
      readEvent: ({ place, bytes, appendMs }: PlacedRecord) =>
        place.startsWith(`${RAW_TOPIC}-`) ? codec.decode(bytes, appendMs) : undefined,
      eraseRecords: async (decide: DecideFate, isDryRun: boolean) =>
        log.eraseLog(dataLayout(root).log, { ...(await search()), decide, isDryRun }),
      rebuildRows: thenForget(engine.rebuildErased),
      removeOldRows: thenForget(engine.removeOldRows),
      redactHistory: async (ids: readonly string[]) => {
        const { redactHistory } = await import('../../adapters/files/history-file.ts')
        await redactHistory(root, ids)
      },
      findTraces: (ids: readonly string[]) => rows.findTraces(store.files, root, ids),
      saveReceipt: (receipt: Parameters<typeof erased.saveReceipt>[2]) =>
        erased.saveReceipt(store.files, root, receipt),
      countBackups: () => countBackups(project),
      eraseCopy: () => eraseCopy(project),
    }
    return await erase.erasePerson(person, ports, run)
  } finally {
    await lock.release()
    await store.log.close()
  }
}
