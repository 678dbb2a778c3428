/**
 * The project's topics as a registry has them: which versions of the files are there under which ids, what
 * is there besides, and whether the registry would take the schema in force.
 */

import type { RegisteredSchema, RemoteRegistry } from '../avro/schema-registry.ts'
import { prefixed, type Target } from '../config/target.ts'
import type { NamedText } from '../documents/json-document.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
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

export interface RegistryTopic {
  readonly schemas: TopicSchemas
  /** With the target's prefix. */
  readonly subject: string
  /** The subject's, or the global one. */
  readonly level: string
  /** Oldest first; [] for a subject that is not there. */
  readonly versions: readonly RegisteredSchema[]
}

export async function readRegistryTopics(
  registry: RemoteRegistry,
  target: Pick<Target, 'prefix'>,
  topics: readonly TopicSchemas[],
): Promise<readonly RegistryTopic[]> {
  return Promise.all(
    topics.map(async (schemas) => {
      const subject = subjectFor(prefixed(target, schemas.topic))
      const [level, versions] = await Promise.all([
        registry.compatibility(subject),
        registry.versions(subject),
      ])
      return { schemas, subject, level, versions }
    }),
  )
}

/** The registry's version that says what this text says, the newest if there are two. */
export function findVersion(topic: RegistryTopic, text: string): RegisteredSchema | undefined {
  const identity = schemaIdentity(text)
  return topic.versions.findLast((one) => schemaIdentity(one.schema) === identity)
}

/** Versions that no file says: others have registered them. */
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
 * What a schema breaks among the registry's versions, by the rules of ccs and at the subject's level: it says
 * which field, where the registry says no more than no. Nothing when the rules of ccs see no break.
 */
export async function explainRejection(
  topic: RegistryTopic,
  current: NamedText,
  openImpact: OpenSchemaImpact,
): Promise<readonly SchemaBreak[]> {
  const mode = COMPATIBILITY_MODES.find((one) => one === topic.level)
  if (mode === undefined) return []
  const kept = topic.versions.filter(isRecordSchema).map(asKept)
  const result = await checkSchemas(
    [{ topic: topic.schemas.topic, current, kept }],
    mode,
    openImpact,
  )
  return result.topics.flatMap((one) => one.breaks.filter(isOfAvro))
}

/** As a file that can be shown, with the lines that a registry leaves out. */
function asKept({ subject, version, id, schema }: RegisteredSchema): KeptSchema {
  const text = JSON.stringify(JSON.parse(schema), null, 2)
  return { file: `${subject} version ${version} in the registry`, text, version, id }
}

/** Whether Avro itself can't read on; a field that is only missed by our SQL is nothing to a registry. */
function isOfAvro({ rule }: SchemaBreak): boolean {
  return rule !== 'in use'
}

export interface RegistryCheck {
  readonly topic: string
  readonly subject: string
  readonly level: string
  /** Numbers of the versions that are there. */
  readonly versions: readonly number[]
  /** Whether it has the schema in force, or would take it. */
  readonly accepts: boolean
  /** Why it judges otherwise than the files do; null: it judges alike. */
  readonly differs: string | null
  /** Where it refuses: why, as far as the rules of ccs know. */
  readonly breaks: readonly SchemaBreak[]
}

/** The registry's own verdicts on the schemas in force, beside those of `check`. */
export async function checkAgainstRegistry(
  registry: RemoteRegistry,
  topics: readonly RegistryTopic[],
  check: SchemaCheckResult,
  openImpact: OpenSchemaImpact,
): Promise<readonly RegistryCheck[]> {
  const verdicts: RegistryCheck[] = []
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
    verdicts.push({ topic: schemas.topic, subject, level, versions, accepts, differs, breaks })
  }
  return verdicts
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
  const isFine = !checked.breaks.some(isOfAvro)
  if (isFine === accepts) return null
  const verdict = accepts
    ? 'The registry takes what breaks by the files'
    : 'The registry refuses what is fine by the files'
  const [strange] = findUnknownVersions(topic)
  if (versions.length === 0) return `${verdict}: it has no version of it yet.`
  if (level !== mode) return `${verdict}: its level is ${level}, the check's is ${mode}.`
  if (!accepts && breaks.length > 0 && strange)
    return `${verdict}: it has a version ${strange.version} that is not in ${historyOf(schemas)}.`
  const missing = schemas.kept.filter((one) => findVersion(topic, one.text) === undefined)
  if (accepts && missing.length > 0) {
    const numbers = missing.map((one) => String(one.version))
    return `${verdict}: it does not have version ${joinNames(numbers, 5)} of the files.`
  }
  return `${verdict}: it has rules of its own; docs/schemas.md lists those that are known.`
}

function historyOf({ topic }: TopicSchemas): string {
  return `schemas/history/${topic}/`
}

export interface RegistryDiff extends TopicDiff {
  readonly subject: string
  /** Kept versions that the registry does not have. */
  readonly unregistered: readonly number[]
  /** Its versions that no file has. */
  readonly unknown: readonly number[]
}

/** The schemas in force against the registry's newest versions, or against its version `from`. */
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
        {
          exit: EXIT.usage,
          hint: `It has: ${versions.map((one) => one.version).join(', ') || 'none'}.`,
        },
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
      changes: isComparable ? diffSchemas(parseSchema(asKept(found)), parseSchema(current)) : [],
      unregistered: gone.map((one) => one.version),
      unknown: findUnknownVersions(topic).map((one) => one.version),
    }
  })
}

export interface ListedSubject {
  readonly topic: string
  readonly subject: string
  readonly level: string
  readonly versions: readonly {
    readonly version: number
    readonly id: number
    /** The kept version that says the same; null: no file has it. */
    readonly kept: number | null
  }[]
  /** Kept versions that the registry does not have. */
  readonly unregistered: readonly number[]
}

export function listRegistry(topics: readonly RegistryTopic[]): readonly ListedSubject[] {
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
