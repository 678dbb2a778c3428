/**
 * Composition of the commands that only read the log: the log itself, and schemas to decode records
 * by.
 */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { SchemaRegistry } from '../domain/avro/schema-registry.ts'
import type { DlqShowPorts } from '../domain/dlq/show-reject.ts'
import { RAW_TOPIC, subjectFor } from '../domain/log/topics.ts'
import type { Showing, ShownEvents } from '../domain/query/mask-tail.ts'
import type { TailPorts } from '../domain/query/tail.ts'
import type { Project } from '../project.ts'
import { openProjectStore, openRegistry } from './targets/log.ts'

/** What `ccs tail` needs, and how it is closed. */
export interface OpenTail extends Omit<TailPorts, 'emit'>, ShownEvents {
  close(): Promise<void>
}

/** Opens the log and the schemas of its records for `ccs tail`. */
export async function openTail(project: Project, showing: Showing): Promise<OpenTail> {
  const registry = await openRegistry(project)
  const shown = await openShownEvents(project, registry, showing)
  const { log } = await openProjectStore(project)
  const { openRecordDecoder } = await import('../domain/dlq/decode-records.ts')
  const decode = await openRecordDecoder(registry)
  return { log, clock: systemClock(), decode, ...shown, close: () => log.close() }
}

/** How the events of the project's log are shown. */
export async function openShownEvents(
  project: Project,
  registry: SchemaRegistry,
  { isPlain, onNotice }: Showing,
): Promise<ShownEvents> {
  const [{ openEventMask }, { diskFiles }, records] = await Promise.all([
    import('../adapters/files/pseudonym-source.ts'),
    import('../adapters/files/files.ts'),
    import('../domain/dlq/decode-records.ts'),
  ])
  const place = { files: diskFiles(), root: project.dataDir }
  const schemas = await registry.versions(subjectFor(RAW_TOPIC))
  const decode = await records.openAnySchemaDecoder(registry)
  return {
    mask: isPlain ? undefined : await openEventMask(place, project.config, schemas, onNotice),
    readRejected: async (bytes) => (await decode(bytes))?.value,
  }
}

/** Decodes records of events.dlq by any version of its schema in the target's registry. */
export async function openRejectDecoder(project: Project): Promise<DlqShowPorts['decode']> {
  const [registry, records] = await Promise.all([
    openRegistry(project),
    import('../domain/dlq/decode-records.ts'),
  ])
  return records.openRejectDecoder(registry)
}
