/** Use case: list topics with their versions, and say what changed between two of them. */
import { createHash } from 'node:crypto'
import { canonicalizeSchema } from '../avro/schema.ts'
import type { NamedText } from '../documents/json-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { subjectFor } from '../log/topics.ts'
import { describeType } from './describe.ts'
import { diffSchemas, type FieldChange } from './diff.ts'
import { listFields } from './fields.ts'
import type { TopicSchemas } from './history.ts'
import { parseSchema } from './tree.ts'

export interface ListedTopic {
  readonly topic: string
  readonly subject: string
  /** Fields of the schema in force, those of nested records included. */
  readonly fields: readonly { readonly path: string; readonly type: string }[]
  /** SHA-256 (hex) of the schema in force without layout and documentation; null: only history is left. */
  readonly fingerprint: string | null
  /** Oldest first. */
  readonly versions: readonly {
    readonly version: number
    readonly id: number
    readonly fingerprint: string
    readonly file: string
  }[]
}

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
    fingerprint: current === undefined ? null : fingerprintOf(current),
    versions: kept.map((one) => ({
      version: one.version,
      id: one.id,
      fingerprint: fingerprintOf(one),
      file: one.file,
    })),
  }))
}

function fingerprintOf({ text, file }: NamedText): string {
  return createHash('sha256').update(canonicalizeSchema(text, file)).digest('hex')
}

export interface TopicDiff {
  readonly topic: string
  /** Kept version that the schema in force is compared with; null: there is none. */
  readonly from: number | null
  readonly changes: readonly FieldChange[]
}

/**
 * The schema in force against a kept version: `from`, else the newest that differs from it. All topics, or
 * the one that is named; CCS_USAGE_INVALID for a topic or version that isn't there.
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
        exit: EXIT.usage,
        hint: `It has: ${kept.map((one) => one.version).join(', ') || 'none'}.`,
      })
    if (current === undefined || older === undefined) return { topic, from: null, changes: [] }
    const changes = diffSchemas(parseSchema(older), parseSchema(current))
    return { topic, from: older.version, changes }
  })
}

/** The topics of these names, or all; CCS_USAGE_INVALID for an unknown one. */
export function pickTopics(
  topics: readonly TopicSchemas[],
  names: readonly string[],
): readonly TopicSchemas[] {
  const known = topics.map((one) => one.topic)
  for (const name of names)
    if (!known.includes(name))
      throw new CcsError('CCS_USAGE_INVALID', `There is no schema of a topic '${name}'.`, {
        exit: EXIT.usage,
        hint: didYouMean(name, known),
      })
  return names.length === 0 ? topics : topics.filter((one) => names.includes(one.topic))
}
