/**
 * Prints resources of a cluster as the texts that a deployment stores, and reads them: a topic as
 * JSON of its settings, a subject as JSON of its level and versions. Keys are sorted, so that equal
 * resources have equal texts.
 */
import { createHash } from 'node:crypto'
import { CcsError } from '../../kernel/errors.ts'
import { isObject } from '../../kernel/json.ts'
import type { TopicState } from '../../log/topic-admin.ts'
import type { DeployedResource, ResourceKind } from '../deployment.ts'

/** A subject with its own compatibility level and its versions, oldest first. */
export interface SubjectContent {
  readonly compatibility: string
  /** Avro JSON, documentation included. */
  readonly versions: readonly string[]
}

/** A topic's settings. */
export type TopicContent = Omit<TopicState, 'name'>

/** Prints a topic as indented JSON. */
export function printTopic({ partitions, replication, config }: TopicContent): string {
  return printIndented({ partitions, replication, config })
}

/** Prints a subject as indented JSON. */
export function printSubject({ compatibility, versions }: SubjectContent): string {
  return printIndented({ compatibility, versions: versions.map((one) => parseOrKeep(one)) })
}

/** Records a resource; without a `fingerprint`, it is the hash of `content`. */
export function toResource(
  kind: ResourceKind,
  name: string,
  content: string,
  options: { readonly adopted?: boolean; readonly fingerprint?: string } = {},
): DeployedResource {
  const { adopted = false, fingerprint = hashText(content) } = options
  return { kind, name, fingerprint, content, adopted }
}

/** Reads a recorded topic. CCS_MANIFEST_INVALID if a newer ccs or another program wrote it. */
export function readTopic({ name, content }: DeployedResource): TopicContent {
  const { partitions, replication, config } = parseContent(name, content)
  if (typeof partitions !== 'number' || typeof replication !== 'number' || !isTexts(config))
    throw unreadableError(name)
  return { partitions, replication, config }
}

/** Reads a recorded subject. CCS_MANIFEST_INVALID if it can't be read. */
export function readSubject({ name, content }: DeployedResource): SubjectContent {
  const { compatibility, versions } = parseContent(name, content)
  if (typeof compatibility !== 'string' || !Array.isArray(versions)) throw unreadableError(name)
  return { compatibility, versions: versions.map((one) => JSON.stringify(one)) }
}

/** Prints JSON with the keys of all objects sorted. */
export function printCanonicalJson(value: unknown): string {
  return JSON.stringify(sortKeys(value))
}

/** SHA-256 of a text, hex. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function printIndented(value: unknown): string {
  return JSON.stringify(sortKeys(value), null, 2)
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (!isObject(value)) return value
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map((key) => [key, sortKeys(value[key])]))
}

function parseOrKeep(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function parseContent(name: string, content: string): Readonly<Record<string, unknown>> {
  const value = parseOrKeep(content)
  if (!isObject(value)) throw unreadableError(name)
  return value
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((one) => typeof one === 'string')
}

function unreadableError(name: string): CcsError {
  return new CcsError('CCS_MANIFEST_INVALID', `The target's record of ${name} can't be read.`, {
    hint: 'If a newer ccs wrote it, use that version.',
  })
}
