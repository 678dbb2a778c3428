/**
 * Compares the project's schemas with a registry: which kept versions it has under which ids, which
 * versions it has besides, and whether it would accept the schema in force.
 */

import type { RegisteredSchema, RemoteRegistry } from '../avro/schema-registry.ts'
import { addPrefix, type Target } from '../config/target.ts'
import type { NamedText } from '../documents/json-document.ts'
import { CcsError } from '../kernel/errors.ts'
import { subjectFor } from '../log/topics.ts'
import { COMPATIBILITY_MODES, type CompatibilityMode } from './check.ts'
import {
  type CheckedTopic,
  checkSchemas,
  type OpenSchemaImpact,
  type SchemaBreak,
  type SchemaCheckResult,
} from './check-project.ts'
import { joinNames } from './describe.ts'
import { diffSchemas } from './diff.ts'
import type { KeptSchema, TopicSchemas } from './history.ts'
import { schemaIdentity } from './identity.ts'
import type { TopicDiff } from './list.ts'
import { isRecordSchema } from './remote-schemas.ts'
import { parseSchema } from './tree.ts'

/** A topic of the project with its subject in the registry. */
export interface RegistryTopic {
  readonly schemas: TopicSchemas
  /** `<prefix><topic>-value`, with the prefix of the target. */
  readonly subject: string
  /** The compatibility level of the subject, or the global one. */
  readonly level: string
  /** Oldest first; [] for an unknown subject. */
  readonly versions: readonly RegisteredSchema[]
}

/** Reads level and versions of each topic from the registry. */
export async function readRegistryTopics(
  registry: RemoteRegistry,
  target: Pick<Target, 'prefix'>,
  topics: readonly TopicSchemas[],
): Promise<readonly RegistryTopic[]> {
  return Promise.all(
    topics.map(async (schemas) => {
      const subject = subjectFor(addPrefix(target, schemas.topic))
      const [level, versions] = await Promise.all([
        registry.compatibility(subject),
        registry.versions(subject),
      ])
      return { schemas, subject, level, versions }
    }),
  )
}

/** The registry's version that is the same schema as the text; the newest, if there are several. */
export function findVersion(topic: RegistryTopic, text: string): RegisteredSchema | undefined {
  const identity = schemaIdentity(text)
  return topic.versions.findLast((one) => schemaIdentity(one.schema) === identity)
}

/** The registry's versions that are in no file: somebody else registered them. */
export function findUnknownVersions({
  schemas,
  versions,
}: RegistryTopic): readonly RegisteredSchema[] {
  const { kept, current } = schemas
  const texts = [...kept, ...(current === undefined ? [] : [current])]
  const known = new Set(texts.map((one) => schemaIdentity(one.text)))
  return versions.filter((one) => !known.has(schemaIdentity(one.schema)))
}

/**
 * What a schema breaks among the registry's versions at the subject's level, by the rules of ccs: a
 * registry only says that it rejects a schema, this says which field is the reason. [] if the rules
 * of ccs find no break.
 */
export async function explainRejection(
  topic: RegistryTopic,
  current: NamedText,
  openImpact: OpenSchemaImpact,
): Promise<readonly SchemaBreak[]> {
  const mode = COMPATIBILITY_MODES.find((one) => one === topic.level)
  if (mode === undefined) return []
  const kept = topic.versions.filter(isRecordSchema).map(toKeptSchema)
  const result = await checkSchemas(
    [{ topic: topic.schemas.topic, current, kept }],
    mode,
    openImpact,
  )
  return result.topics.flatMap((one) => one.breaks.filter(isAvroBreak))
}

/** The version as a file, laid out in lines, so that places in it can be shown. */
function toKeptSchema({ subject, version, id, schema }: RegisteredSchema): KeptSchema {
  const text = JSON.stringify(JSON.parse(schema), null, 2)
  return { file: `${subject} version ${version} in the registry`, text, version, id }
}

/** Whether the break is one of Avro's rules; registries know nothing of uses in SQL. */
function isAvroBreak({ rule }: SchemaBreak): boolean {
  return rule !== 'in use'
}

/** Whether the registry agrees with the check of the files, for one topic. */
export interface RegistryCheck {
  readonly topic: string
  readonly subject: string
  readonly level: string
  /** Numbers of the registry's versions. */
  readonly versions: readonly number[]
  /** Whether the registry has the schema in force, or would accept it. */
  readonly accepts: boolean
  /** Why the registry and the check of the files disagree; null if they agree. */
  readonly differs: string | null
  /** Why the registry rejects the schema, as far as the rules of ccs explain it. */
  readonly breaks: readonly SchemaBreak[]
}

/** Asks the registry about each schema in force, and compares its answers with `check`. */
export async function checkAgainstRegistry(
  registry: RemoteRegistry,
  topics: readonly RegistryTopic[],
  check: SchemaCheckResult,
  openImpact: OpenSchemaImpact,
): Promise<readonly RegistryCheck[]> {
  const checks: RegistryCheck[] = []
  for (const topic of topics) {
    const { subject, level, schemas } = topic
    const { current } = schemas
    const checked = check.topics.find((one) => one.topic === schemas.topic)
    if (current === undefined || checked === undefined) continue
    const isThere = findVersion(topic, current.text) !== undefined
    const accepts = isThere || (await registry.accepts(subject, current.text))
    const breaks = accepts ? [] : await explainRejection(topic, current, openImpact)
    const versions = topic.versions.map((one) => one.version)
    const differs = explainDifference({ topic, checked, mode: check.mode, accepts, breaks })
    checks.push({ topic: schemas.topic, subject, level, versions, accepts, differs, breaks })
  }
  return checks
}

interface CheckComparison {
  readonly topic: RegistryTopic
  readonly checked: CheckedTopic
  readonly mode: CompatibilityMode
  readonly accepts: boolean
  readonly breaks: readonly SchemaBreak[]
}

function explainDifference({
  topic,
  checked,
  mode,
  accepts,
  breaks,
}: CheckComparison): string | null {
  const { level, versions, schemas } = topic
  const isFine = !checked.breaks.some(isAvroBreak)
  if (isFine === accepts) return null
  const summary = accepts
    ? 'The registry accepts what the check of the files rejects'
    : 'The registry rejects what the check of the files accepts'
  const [unknown] = findUnknownVersions(topic)
  if (versions.length === 0) return `${summary}: it has no version of this schema yet.`
  if (level !== mode) return `${summary}: its level is ${level}, the check's is ${mode}.`
  if (!accepts && breaks.length > 0 && unknown)
    return `${summary}: its version ${unknown.version} is not in ${historyFolder(schemas)}.`
  const missing = schemas.kept.filter((one) => findVersion(topic, one.text) === undefined)
  if (accepts && missing.length > 0) {
    const numbers = missing.map((one) => String(one.version))
    return `${summary}: it does not have version ${joinNames(numbers, 5)} of the files.`
  }
  return `${summary}: it has rules of its own; docs/schemas.md lists those that are known.`
}

function historyFolder({ topic }: TopicSchemas): string {
  return `schemas/history/${topic}/`
}

/** Differences between the files and the registry, for one topic. */
export interface RegistryDiff extends TopicDiff {
  readonly subject: string
  /** Numbers of kept versions that the registry does not have. */
  readonly unregistered: readonly number[]
  /** Numbers of the registry's versions that are in no file. */
  readonly unknown: readonly number[]
}

/**
 * Compares the schemas in force with the registry's newest versions, or with its version `from`.
 * Throws CCS_USAGE_INVALID if a subject has no such version.
 */
export function diffAgainstRegistry(
  topics: readonly RegistryTopic[],
  from: number | undefined,
): readonly RegistryDiff[] {
  return topics.map((topic) => {
    const { subject, versions, schemas } = topic
    const found =
      from === undefined ? versions.at(-1) : versions.find((one) => one.version === from)
    if (found === undefined && from !== undefined)
      throw new CcsError(
        'CCS_USAGE_INVALID',
        `The registry has no version ${from} of ${subject}.`,
        { hint: `It has: ${versions.map((one) => one.version).join(', ') || 'none'}.` },
      )
    const { current } = schemas
    const isSame = current !== undefined && found === findVersion(topic, current.text)
    const isComparable =
      current !== undefined && found !== undefined && !isSame && isRecordSchema(found)
    const gone = schemas.kept.filter((one) => findVersion(topic, one.text) === undefined)
    return {
      topic: schemas.topic,
      subject,
      from: found?.version ?? null,
      changes: isComparable
        ? diffSchemas(parseSchema(toKeptSchema(found)), parseSchema(current))
        : [],
      unregistered: gone.map((one) => one.version),
      unknown: findUnknownVersions(topic).map((one) => one.version),
    }
  })
}

/** A topic's subject in the `--json` document of `ccs schema list` on a target. */
export interface ListedSubject {
  readonly topic: string
  readonly subject: string
  readonly level: string
  readonly versions: readonly {
    readonly version: number
    readonly id: number
    /** Number of the kept version with the same schema; null if no file has it. */
    readonly kept: number | null
  }[]
  /** Numbers of kept versions that the registry does not have. */
  readonly unregistered: readonly number[]
}

/** What a registry has of the project's topics, and what else below the target's prefix. */
export async function listTargetSubjects(
  registry: RemoteRegistry,
  target: Pick<Target, 'name' | 'prefix'>,
  schemas: readonly TopicSchemas[],
): Promise<{ readonly topics: readonly ListedSubject[]; readonly others: readonly string[] }> {
  const topics = listRegistry(await readRegistryTopics(registry, target, schemas))
  const isOther = (subject: string) =>
    subject.startsWith(target.prefix) && !topics.some((one) => one.subject === subject)
  return { topics, others: (await registry.subjects()).filter(isOther) }
}

/** The subjects with their versions, in the order of the topics. */
function listRegistry(topics: readonly RegistryTopic[]): readonly ListedSubject[] {
  return topics.map((topic) => {
    const { subject, level, schemas } = topic
    const known = new Map(schemas.kept.map((one) => [schemaIdentity(one.text), one.version]))
    const gone = schemas.kept.filter((one) => findVersion(topic, one.text) === undefined)
    return {
      topic: schemas.topic,
      subject,
      level,
      versions: topic.versions.map(({ version, id, schema }) => {
        return { version, id, kept: known.get(schemaIdentity(schema)) ?? null }
      }),
      unregistered: gone.map((one) => one.version),
    }
  })
}
