/** Composition of what can be erased of a person on a target with Kafka. */
import { systemClock } from '../../adapters/process/system-clock.ts'
import type { EraseTopicsResult } from '../../domain/erase/erase-topics.ts'
import type { Person } from '../../domain/erase/erased-ids.ts'
import { DLQ_TOPIC, RAW_TOPIC, VALID_TOPIC } from '../../domain/log/topics.ts'
import { toModelName } from '../../domain/models/model.ts'
import type { Project } from '../../project.ts'
import { openLogic } from '../project-logic.ts'
import { openRemoteRegistry } from '../servers.ts'
import { openStore } from '../store.ts'
import { openRegistry } from '../targets/log.ts'

/** CCS_USAGE_INVALID for a target without Kafka. */
export async function eraseFromKafka(
  project: Project,
  person: Person,
  confirm: (plan: EraseTopicsResult) => Promise<boolean>,
): Promise<EraseTopicsResult> {
  const [domain, topics, { openKafka }, erased, { openValueLister }, { createTopicReaders }, more] =
    await Promise.all([
      import('../../domain/erase/erase-topics.ts'),
      import('../../adapters/kafka/person-topics.ts'),
      import('../../adapters/kafka/connection.ts'),
      import('../../adapters/files/erased-file.ts'),
      import('../../adapters/files/pseudonym-source.ts'),
      import('../../domain/erase/topic-readers.ts'),
      Promise.all([
        import('../../domain/config/target-needs.ts'),
        import('../../domain/log/topics.ts'),
        import('../../domain/erase/describe-copies.ts'),
      ]),
    ])
  const { target, dir, dataDir, config, models, connectors } = project
  const [{ requireKafka }, { subjectFor }, { describeCopies }] = more
  const registry = await openRegistry(project)
  const schemas = await registry.versions(subjectFor(RAW_TOPIC))
  const logic = await openLogic(project)
  const rows = await openRemoteRegistry(project)
  const store = await openStore(dataDir)
  const kafka = await openKafka(requireKafka(target, config.targets), dir)
  const own = [RAW_TOPIC, VALID_TOPIC, DLQ_TOPIC, ...models.map(({ file }) => toModelName(file))]
  const names = own.map((name) => `${target.prefix}${name}`)
  try {
    const ports = {
      ...{ nowMs: systemClock().nowMs(), prefix: target.prefix },
      ...topics.openPersonTopics(kafka, names),
      listValues: await openValueLister(store, config, schemas),
      openReader: await createTopicReaders({
        ...{ prefix: target.prefix, logic, events: registry, rows },
      }),
      listOthers: (found: readonly string[]) =>
        describeCopies({ found, connectors, target, dataDir }),
      loadErased: () => erased.loadErased(store.files, store.root),
      saveErased: (list: Parameters<typeof erased.saveErased>[2]) =>
        erased.saveErased(store.files, store.root, list),
      saveReceipt: (receipt: Parameters<typeof erased.saveReceipt>[2]) =>
        erased.saveReceipt(store.files, store.root, receipt),
    }
    return await domain.eraseFromTopics(person, ports, confirm)
  } finally {
    await kafka.close()
    await store.log.close()
  }
}
