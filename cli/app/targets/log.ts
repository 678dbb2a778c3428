/**
 * The part of the composition root for a target's log and registry: files in the data directory, or
 * the Kafka and the registry that ccs.yml names. Lake and state lie in the data directory either
 * way.
 */

import type { Store } from '../../adapters/lake/data-store.ts'
import type { SchemaRegistry } from '../../domain/avro/schema-registry.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../../domain/log/topics.ts'
import type { Logic } from '../../domain/models/logic.ts'
import type { GoldSink } from '../../domain/pipeline/gold-sink.ts'
import type { Project } from '../../project.ts'
import { type LogicOptions, openLogic } from '../project-logic.ts'
import { openStore } from '../store.ts'

/** Runs a try to write to the log: repeats it, or lets its error pass. */
export type Through = <T>(run: () => Promise<T>) => Promise<T>

/** The log and the lake of a target, and where its Gold is published. */
export interface ProjectStore extends Store {
  /** Where others find Gold as it changes; undefined where nobody is. */
  readonly gold?: GoldSink
  /** Reports how far the engine is; undefined where nobody reads that. */
  readonly onCommit?: (manifest: Manifest) => Promise<void>
}

/**
 * The target's store; a Kafka is connected to when first used. `through`: each try passes its error
 * unless given. `requestMs`: a Kafka that does not answer for so long is connected to again.
 */
export async function openProjectStore(
  project: Project,
  through: Through = (run) => run(),
  requestMs?: number,
): Promise<ProjectStore> {
  const { target, dir, dataDir } = project
  const store = await openStore(dataDir)
  if (!target.kafka) return store
  const [{ openKafka }, { openKafkaLog }, { openKafkaGold }, { createPositionReporter }] =
    await Promise.all([
      import('../../adapters/kafka/connection.ts'),
      import('../../adapters/kafka/event-log.ts'),
      import('../../adapters/kafka/gold.ts'),
      import('../../adapters/kafka/position-reporter.ts'),
    ])
  const kafka = await openKafka(target.kafka, dir, requestMs)
  return {
    ...store,
    log: openKafkaLog(kafka, { prefix: target.prefix, withRetry: through }),
    gold: openKafkaGold(kafka, target),
    onCommit: createPositionReporter(kafka, target),
  }
}

/**
 * Schemas by the ids that the target's records carry; subjects are asked for without the prefix.
 */
export async function openRegistry(project: Project): Promise<SchemaRegistry> {
  const { target, dir } = project
  const { openFilesRegistry } = await import('../../adapters/registry/files-registry.ts')
  const files = await openFilesRegistry(`${dir}/schemas`)
  if (!target.kafka) return files
  const { openRemoteRegistry } = await import('../servers.ts')
  const { withRemoteIds } = await import('../../domain/schemas/remote-schemas.ts')
  return withRemoteIds(files, await openRemoteRegistry(project), target)
}

/**
 * The project's logic with the ids that its target's records carry: for whoever reads or writes
 * them.
 */
export async function openTargetLogic(project: Project, options?: LogicOptions): Promise<Logic> {
  return withTargetIds(project, await openLogic(project, options))
}

/** The same logic with those ids. CCS_PLAN_CHANGES where its schemas are not registered. */
export async function withTargetIds(project: Project, logic: Logic): Promise<Logic> {
  if (!project.target.kafka) return logic
  const registry = await openRegistry(project)
  const [rawSchemas, dlqSchemas] = await Promise.all([
    registry.versions(subjectFor(RAW_TOPIC)),
    registry.versions(subjectFor(DLQ_TOPIC)),
  ])
  return { ...logic, rawSchemas, dlqSchemas: dlqSchemas.length > 0 ? dlqSchemas : logic.dlqSchemas }
}
