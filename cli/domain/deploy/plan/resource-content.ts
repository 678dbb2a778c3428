/**
 * Resources of a cluster as the texts that a deployment keeps, and back: a topic as JSON of its settings, a subject
 * as JSON of its level and versions. Equal meaning gives equal text, whatever the order of keys.
 */
import { createHash } from 'node:crypto'
import { CcsError } from '../../kernel/errors.ts'
import { isObject, sortKeys } from '../../kernel/json.ts'
import type { TopicState } from '../../log/topic-admin.ts'
import type { DeployedResource, ResourceKind } from '../deployment.ts'

/** A subject with its own compatibility level and its versions, oldest first. */
export interface SubjectContent {
  readonly compatibility: string
  /** Avro JSON, documentation included. */
  readonly versions: readonly string[]
}

export type TopicContent = Omit<TopicState, 'name'>

export function topicText({ partitions, replication, config }: TopicContent): string {
  return pretty({ partitions, replication, config })
}

export function subjectText({ compatibility, versions }: SubjectContent): string {
  return pretty({ compatibility, versions: versions.map((one) => parsed(one)) })
}

/** The record of a resource; the fingerprint is that of `content`, of models that of their meaning. */
export function resource(
  kind: ResourceKind,
  name: string,
  content: string,
  options: { readonly adopted?: boolean; readonly fingerprint?: string } = {},
): DeployedResource {
  const { adopted = false, fingerprint = hashOf(content) } = options
  return { kind, name, fingerprint, content, adopted }
}

/** CCS_MANIFEST_INVALID when it is no topic: another program wrote the manifest, or a newer ccs. */
export function readTopicText({ name, content }: DeployedResource): TopicContent {
  const { partitions, replication, config } = parsedObject(name, content)
  if (typeof partitions !== 'number' || typeof replication !== 'number' || !isTexts(config))
    throw invalid(name)
  return { partitions, replication, config }
}

/** CCS_MANIFEST_INVALID when it is no subject. */
export function readSubjectText({ name, content }: DeployedResource): SubjectContent {
  const { compatibility, versions } = parsedObject(name, content)
  if (typeof compatibility !== 'string' || !Array.isArray(versions)) throw invalid(name)
  return { compatibility, versions: versions.map((one) => JSON.stringify(one)) }
}

/** JSON with the keys of every object in order. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sortKeys(value))
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function pretty(value: unknown): string {
  return JSON.stringify(sortKeys(value), null, 2)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function parsedObject(name: string, content: string): Readonly<Record<string, unknown>> {
  const value = parsed(content)
  if (!isObject(value)) throw invalid(name)
  return value
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((one) => typeof one === 'string')
}

function invalid(name: string): CcsError {
  return new CcsError('CCS_MANIFEST_INVALID', `The target's record of ${name} can't be read.`, {
    hint: 'Was it written by a newer ccs? Then use that one.',
  })
}
