/** Use cases: list topics with their versions, and show the changes between two versions. */
import { createHash } from 'node:crypto'
import { canonicalizeSchema } from '../avro/schema.ts'
import type { NamedText } from '../documents/json-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError } from '../kernel/errors.ts'
import { subjectFor } from '../log/topics.ts'
import { describeType } from './describe.ts'
import { diffSchemas, type FieldChange } from './diff.ts'
import { listFields } from './fields.ts'
import type { TopicSchemas } from './history.ts'
import { parseSchema } from './tree.ts'

/** A topic in the `--json` document of `ccs schema list`. */
export interface ListedTopic {
  readonly topic: string
  readonly subject: string
  /** Fields of the schema in force, nested ones included. */
  readonly fields: readonly { readonly path: string; readonly type: string }[]
  /**
   * SHA-256 (hex) of the schema in force without layout and documentation; null if there is none.
   */
  readonly fingerprint: string | null
  /** Oldest first. */
  readonly versions: readonly {
    readonly version: number
    readonly id: number
    readonly fingerprint: string
    readonly file: string
  }[]
}

/** Throws CCS_SCHEMA_INVALID for a text that is not a schema. */
export function listTopics(topics: readonly TopicSchemas[]): readonly ListedTopic[] {
  return topics.map(({ topic, current, kept }) => ({
    topic,
    subject: subjectFor(topic),
    fields:
      current === undefined
        ? []
        : listFields(parseSchema(current).type).map(({ path, field }) => ({
            path,
            type: describeType(field.type),
          })),
    fingerprint: current === undefined ? null : fingerprint(current),
    versions: kept.map((one) => ({
      version: one.version,
      id: one.id,
      fingerprint: fingerprint(one),
      file: one.file,
    })),
  }))
}

function fingerprint({ text, file }: NamedText): string {
  return createHash('sha256').update(canonicalizeSchema(text, file)).digest('hex')
}

/** Changes of one topic in the `--json` document of `ccs schema diff`. */
export interface TopicDiff {
  readonly topic: string
  /**
   * Number of the kept version that the schema in force is compared with; null if there is none.
   */
  readonly from: number | null
  readonly changes: readonly FieldChange[]
}

/**
 * Compares the schema in force with the kept version `from`, else with the newest that differs from
 * it; for all topics, or the named one. Throws CCS_USAGE_INVALID for an unknown topic or version.
 */
export function diffTopics(
  topics: readonly TopicSchemas[],
  options: { readonly topic: string | undefined; readonly from: number | undefined },
): readonly TopicDiff[] {
  const picked = pickTopics(topics, options.topic === undefined ? [] : [options.topic])
  return picked.map(({ topic, current, kept }) => {
    const same = current === undefined ? '' : canonicalizeSchema(current.text, current.file)
    const older =
      options.from === undefined
        ? kept.findLast((one) => canonicalizeSchema(one.text, one.file) !== same)
        : kept.find((one) => one.version === options.from)
    if (older === undefined && options.from !== undefined)
      throw new CcsError('CCS_USAGE_INVALID', `${topic} has no version ${options.from}.`, {
        hint: `It has: ${kept.map((one) => one.version).join(', ') || 'none'}.`,
      })
    if (current === undefined || older === undefined) return { topic, from: null, changes: [] }
    const changes = diffSchemas(parseSchema(older), parseSchema(current))
    return { topic, from: older.version, changes }
  })
}

/**
 * The topics with these names, or all if there are none. Throws CCS_USAGE_INVALID for an unknown
 * name.
 */
export function pickTopics(
  topics: readonly TopicSchemas[],
  names: readonly string[],
): readonly TopicSchemas[] {
  const known = topics.map((one) => one.topic)
  for (const name of names)
    if (!known.includes(name))
      throw new CcsError('CCS_USAGE_INVALID', `There is no schema of a topic '${name}'.`, {
        hint: didYouMean(name, known),
      })
  return names.length === 0 ? topics : topics.filter((one) => names.includes(one.topic))
}

/** The same by topic or by subject, with the target's prefix or without. */
export function pickTargetTopics(
  topics: readonly TopicSchemas[],
  names: readonly string[],
  prefix: string,
): readonly TopicSchemas[] {
  const isTopic = (name: string) => topics.some((one) => one.topic === name)
  const picked = names.map((name) => {
    const plain = name.replace(/-value$/, '')
    const bare = plain.startsWith(prefix) ? plain.slice(prefix.length) : plain
    return [name, plain, bare].find(isTopic) ?? name
  })
  return pickTopics(topics, picked)
}
