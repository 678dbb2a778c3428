/**
 * Use case: put every kept version of the schemas into a target's registry, oldest first, so that the ids of
 * old records resolve there. All is checked before anything is touched; repeating it changes nothing.
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

/** Of a subject that ccs makes; what offline checks hold schemas to as well. */
export const SUBJECT_LEVEL = 'BACKWARD_TRANSITIVE' satisfies CompatibilityMode

export interface RegisterRow {
  readonly topic: string
  readonly subject: string
  /** The version in schemas/history/. */
  readonly kept: number
  /** The registry's; null: it is not there. */
  readonly version: number | null
  readonly id: number | null
  /**
   * pending: would be registered. left out: the registry has a newer one of the files and takes no older; it
   * gave this one no id, so there can be no records of it.
   */
  readonly state: 'registered' | 'unchanged' | 'pending' | 'left out'
}

export interface RegistryRejection {
  readonly topic: string
  readonly subject: string
  readonly kept: number
  readonly level: string
  /** What ccs itself finds; [] when the registry has a rule of its own. */
  readonly breaks: readonly SchemaBreak[]
}

/** The `--json` document of `ccs schema register`. */
export interface SchemaRegisterResult {
  /** False: something breaks, and nothing was registered. */
  readonly ok: boolean
  readonly target: string
  readonly dryRun: boolean
  readonly versions: readonly RegisterRow[]
  /** Breaks against the kept history. */
  readonly topics: readonly CheckedTopic[]
  /** What the registry refuses though the files allow it. */
  readonly refused: readonly RegistryRejection[]
  /** Subjects whose level is another than that of the check. */
  readonly levels: readonly { readonly subject: string; readonly level: string }[]
}

export interface RegisterOptions {
  readonly registry: RemoteRegistry
  readonly target: Pick<Target, 'name' | 'prefix'>
  readonly topics: readonly TopicSchemas[]
  readonly dryRun: boolean
  readonly openImpact: OpenSchemaImpact
  /** Throws when a schema in force is not kept as a version; asked when nothing breaks. */
  readonly requireKept: () => Promise<void>
}

/** CCS_SCHEMA_BREAKS when another registers what breaks, just between the check and here. */
export async function registerSchemas(options: RegisterOptions): Promise<SchemaRegisterResult> {
  const { registry, target, dryRun, openImpact } = options
  const base = { target: target.name, dryRun, topics: [], refused: [], levels: [], versions: [] }
  const check = await checkSchemas(options.topics, SUBJECT_LEVEL, openImpact)
  const broken = findBlockedTopics(check)
  if (broken.length > 0) return { ...base, ok: false, topics: broken }
  await options.requireKept()
  const topics = await readRegistryTopics(registry, target, options.topics)
  const judged: { topic: RegistryTopic; kept: KeptSchema; row: RegisterRow }[] = []
  const refused: RegistryRejection[] = []
  for (const topic of topics)
    for (const kept of topic.schemas.kept) {
      const row = await planRegistration(registry, topic, kept)
      if (row) judged.push({ topic, kept, row })
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
  const made = new Set<string>()
  for (const { topic, kept, row } of judged) {
    if (dryRun || row.state !== 'pending') {
      versions.push(row)
      continue
    }
    const { subject } = topic
    if (topic.versions.length === 0 && !made.has(subject))
      await registry.setCompatibility(subject, SUBJECT_LEVEL)
    made.add(subject)
    const { version, id } = await registry.register(subject, kept.text)
    versions.push({ ...row, version, id, state: 'registered' })
  }
  return { ...base, ok: true, versions, levels }
}

/** Undefined: the registry refuses it. */
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
