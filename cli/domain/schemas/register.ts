/**
 * Use case: register every kept version of the schemas with a target's registry, oldest first, so
 * that old records can be read by their ids. Everything is checked before anything is changed.
 * Idempotent.
 */

import type { RemoteRegistry } from '../avro/schema-registry.ts'
import type { Target } from '../config/target.ts'
import type { CompatibilityMode } from './check.ts'
import {
  type CheckedTopic,
  checkSchemas,
  findBlockedTopics,
  type OpenSchemaImpact,
  type SchemaBreak,
} from './check-project.ts'
import type { KeptSchema, TopicSchemas } from './history.ts'
import {
  explainRejection,
  findVersion,
  type RegistryTopic,
  readRegistryTopics,
} from './registry-topics.ts'

/** The compatibility level of subjects that ccs creates, and of the checks without a registry. */
export const SUBJECT_LEVEL = 'BACKWARD_TRANSITIVE' satisfies CompatibilityMode

/** What happened, or would happen, to one kept version. */
export interface RegisterRow {
  readonly topic: string
  readonly subject: string
  /** Number of the version in schemas/history/. */
  readonly kept: number
  /** Number of the version in the registry; null if it is not there. */
  readonly version: number | null
  readonly id: number | null
  /**
   * pending: would be registered. left out: the registry has a newer kept version and accepts no
   * older one. It never gave this version an id, so there are no records of it.
   */
  readonly state: 'registered' | 'unchanged' | 'pending' | 'left out'
}

/** A kept version that the registry rejects. */
export interface RegistryRejection {
  readonly topic: string
  readonly subject: string
  readonly kept: number
  readonly level: string
  /** Breaks that explain it; [] if only a rule of the registry's own can be the reason. */
  readonly breaks: readonly SchemaBreak[]
}

/** The `--json` document of `ccs schema register`. */
export interface SchemaRegisterResult {
  /** false if something breaks; nothing was registered then. */
  readonly ok: boolean
  readonly target: string
  readonly dryRun: boolean
  readonly versions: readonly RegisterRow[]
  /** Breaks between the schemas and their kept history. */
  readonly topics: readonly CheckedTopic[]
  /** Versions that the registry rejects although the kept history allows them. */
  readonly refused: readonly RegistryRejection[]
  /** Subjects whose compatibility level differs from SUBJECT_LEVEL. */
  readonly levels: readonly { readonly subject: string; readonly level: string }[]
}

/** What to register where. */
export interface RegisterOptions {
  readonly registry: RemoteRegistry
  readonly target: Pick<Target, 'name' | 'prefix'>
  readonly topics: readonly TopicSchemas[]
  readonly dryRun: boolean
  readonly openImpact: OpenSchemaImpact
  /** Throws if a schema in force is not kept as a version. Called only if nothing breaks. */
  readonly requireKept: () => Promise<void>
}

/**
 * Throws CCS_SCHEMA_BREAKS if somebody registers a conflicting version between the check and the
 * change.
 */
export async function registerSchemas(options: RegisterOptions): Promise<SchemaRegisterResult> {
  const { registry, target, dryRun, openImpact } = options
  const base = { target: target.name, dryRun, topics: [], refused: [], levels: [], versions: [] }
  const check = await checkSchemas(options.topics, SUBJECT_LEVEL, openImpact)
  const broken = findBlockedTopics(check)
  if (broken.length > 0) return { ...base, ok: false, topics: broken }
  await options.requireKept()
  const topics = await readRegistryTopics(registry, target, options.topics)
  const planned: { topic: RegistryTopic; kept: KeptSchema; row: RegisterRow }[] = []
  const refused: RegistryRejection[] = []
  for (const topic of topics)
    for (const kept of topic.schemas.kept) {
      const row = await planRegistration(registry, topic, kept)
      if (row) planned.push({ topic, kept, row })
      else {
        const { subject, level } = topic
        const breaks = await explainRejection(topic, { ...kept }, openImpact)
        refused.push({ topic: topic.schemas.topic, subject, kept: kept.version, level, breaks })
      }
    }
  const levels = topics
    .filter(({ versions, level }) => versions.length > 0 && level !== SUBJECT_LEVEL)
    .map(({ subject, level }) => ({ subject, level }))
  if (refused.length > 0) return { ...base, ok: false, refused, levels }
  const versions: RegisterRow[] = []
  const created = new Set<string>()
  for (const { topic, kept, row } of planned) {
    if (dryRun || row.state !== 'pending') {
      versions.push(row)
      continue
    }
    const { subject } = topic
    if (topic.versions.length === 0 && !created.has(subject))
      await registry.setCompatibility(subject, SUBJECT_LEVEL)
    created.add(subject)
    const { version, id } = await registry.register(subject, kept.text)
    versions.push({ ...row, version, id, state: 'registered' })
  }
  return { ...base, ok: true, versions, levels }
}

/** undefined if the registry rejects the version. */
async function planRegistration(
  registry: RemoteRegistry,
  topic: RegistryTopic,
  kept: KeptSchema,
): Promise<RegisterRow | undefined> {
  const { subject, schemas } = topic
  const row = { topic: schemas.topic, subject, kept: kept.version }
  const there = findVersion(topic, kept.text)
  if (there) return { ...row, version: there.version, id: there.id, state: 'unchanged' }
  const missing = { ...row, version: null, id: null }
  if (await registry.accepts(subject, kept.text)) return { ...missing, state: 'pending' }
  const isOlder = schemas.kept.some(
    (one) => one.version > kept.version && findVersion(topic, one.text) !== undefined,
  )
  return isOlder ? { ...missing, state: 'left out' } : undefined
}
