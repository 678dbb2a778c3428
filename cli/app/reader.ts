/**
 * Composition of the commands that only read the log: the log itself, and schemas to decode records
 * by.
 */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { DlqShowPorts } from '../domain/dlq/show-reject.ts'
import type { TailPorts } from '../domain/query/tail.ts'
import type { Project } from '../project.ts'
import { openProjectStore, openRegistry } from './targets/log.ts'

/** What `ccs tail` needs, and how it is closed. */
export interface OpenTail extends Omit<TailPorts, 'emit'> {
  close(): Promise<void>
}

/** Opens the log and the schemas of its records for `ccs tail`. */
export async function openTail(project: Project): Promise<OpenTail> {
  const { log } = await openProjectStore(project)
  const { openRecordDecoder } = await import('../domain/dlq/decode-records.ts')
  const decode = await openRecordDecoder(await openRegistry(project))
  return { log, clock: systemClock(), decode, close: () => log.close() }
}

/** Decodes records of events.dlq by any version of its schema in the target's registry. */
export async function openRejectDecoder(project: Project): Promise<DlqShowPorts['decode']> {
  const [registry, records] = await Promise.all([
    openRegistry(project),
    import('../domain/dlq/decode-records.ts'),
  ])
  return records.openRejectDecoder(registry)
}
