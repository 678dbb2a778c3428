/**
 * Plan of one topic. Settings are brought to what the project says; what Kafka can't take back (partitions,
 * replication) and settings that the project has no word for are left as they were taken over.
 */

import { formatDuration } from '../../kernel/units.ts'
import type { TopicState } from '../../log/topic-admin.ts'
import { readTopicText, resource, type TopicContent, topicText } from './resource-content.ts'
import {
  clusterStep,
  type Difference,
  differencesOf,
  foreignStep,
  isDrift,
  type Operation,
  type PlanContext,
  type Planned,
  removedStep,
  type Views,
} from './target-step.ts'

/** Set by Kafka's own tools, or by the cluster's owner for all topics. */
const NOT_OURS = /\.replication\.throttled\.replicas$|^confluent\./

export function planTopic(views: Views<TopicState, TopicState>): Planned {
  const { name, wanted, deployed, found, context } = views
  if (!wanted)
    return removedStep('topic', views, {
      isThere: found !== undefined,
      operation: { op: 'remove topic', name },
      destroys: 'its records',
    })
  if (!found) return addedTopic(wanted, deployed !== undefined && context.isComplete)
  const there = { ...found, config: settingsOf(found.config) }
  if (!deployed) return foreignStep('topic', views, topicDifferences(there, wanted, undefined))
  const record = readTopicText(deployed)
  if (!deployed.adopted) return changedTopic(there, wanted, { record, adopted: false, context })
  // Whoever takes a topic over takes what Kafka can't undo, and settings that the project has no word for.
  const goal: TopicState = {
    name,
    partitions: Math.max(record.partitions, wanted.partitions),
    replication: record.replication,
    config: { ...settingsOf(record.config), ...wanted.config },
  }
  return changedTopic(there, goal, { record, adopted: true, context })
}

function addedTopic(wanted: TopicState, isLost: boolean): Planned {
  return {
    step: clusterStep({
      action: 'add',
      kind: 'topic',
      name: wanted.name,
      reason: isLost ? 'it was deleted by hand; its records are gone' : describe(wanted),
      drift: isLost,
      after: topicText(wanted),
    }),
    operations: [{ op: 'create topic', topic: wanted }],
    after: resource('topic', wanted.name, topicText(wanted)),
  }
}

interface Known {
  readonly record: TopicContent
  readonly adopted: boolean
  readonly context: PlanContext
}

function changedTopic(found: TopicState, goal: TopicState, known: Known): Planned {
  const { record, adopted, context } = known
  const { name } = found
  const after = resource('topic', name, topicText(goal), { adopted })
  const differences = topicDifferences(found, goal, context.isComplete ? record : undefined)
  if (differences.length === 0) return { operations: [], after }
  const config = Object.fromEntries(
    differences.filter(({ key }) => !FIXED.has(key)).map(({ key, wanted }) => [key, wanted]),
  )
  const isGrowing = goal.partitions > found.partitions
  const operations: Operation[] = [
    ...(isGrowing ? [{ op: 'add partitions', name, total: goal.partitions } as const] : []),
    ...(Object.keys(config).length > 0 ? [{ op: 'configure topic', name, config } as const] : []),
  ]
  const refused = refusal(found, goal, context.target)
  const destroys = lossOf(differences)
  const isKeyed = goal.config['cleanup.policy']?.includes('compact') ?? false
  const drift = differences.some(isDrift)
  return {
    step: clusterStep({
      action: 'change',
      kind: 'topic',
      name,
      category: destroys !== undefined || (isGrowing && isKeyed) ? 'breaking' : 'forward-only',
      reason: reasonOf(drift, isGrowing, found),
      drift,
      differences,
      ...(destroys === undefined ? {} : { destroys }),
      ...(refused === undefined ? {} : { refused }),
      before: topicText(found),
      after: topicText(goal),
    }),
    operations,
    after,
  }
}

const FIXED = new Set(['partitions', 'replication'])

function topicDifferences(
  found: TopicContent,
  wanted: TopicContent,
  deployed: TopicContent | undefined,
): readonly Difference[] {
  return differencesOf(flat(found), flat(wanted), deployed && flat(deployed))
}

function flat({ partitions, replication, config }: TopicContent): Readonly<Record<string, string>> {
  return {
    ...settingsOf(config),
    partitions: String(partitions),
    replication: String(replication),
  }
}

function settingsOf(config: TopicState['config']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => !NOT_OURS.test(key))
      .map(([key, value]) => [key, key === 'cleanup.policy' ? sorted(value) : value]),
  )
}

/** `compact, delete` is `delete,compact`. */
function sorted(list: string): string {
  return list
    .split(',')
    .map((one) => one.trim())
    .sort()
    .join(',')
}

function refusal(found: TopicState, goal: TopicState, target: string): string | undefined {
  const keep = `keep it as it is: ccs adopt topic ${found.name} --target ${target}`
  if (found.partitions > goal.partitions)
    return `Kafka can't take partitions away (it has ${found.partitions}); ${keep}`
  if (found.replication !== goal.replication)
    return `ccs does not move replicas (it has ${found.replication}); ${keep}`
  return undefined
}

/** What a change of settings deletes. */
function lossOf(differences: readonly Difference[]): string | undefined {
  for (const { key, found, wanted } of differences) {
    if (key === 'retention.ms' && isShorter(wanted, found))
      return `records older than ${retentionWords(wanted)}`
    if (key === 'retention.bytes' && isShorter(wanted, found)) return 'its oldest records'
    if (key === 'cleanup.policy' && wanted !== null && !found?.includes('delete')) {
      if (wanted.includes('delete')) return 'records older than its retention'
    }
    if (key === 'cleanup.policy' && wanted?.includes('compact') && !found?.includes('compact'))
      return 'all but the newest record of each key'
  }
  return undefined
}

/** Below zero, or not set, is for ever: of the broker's own default nothing is known. */
function isShorter(wanted: string | null, found: string | null): boolean {
  const limit = (text: string | null) => {
    const value = Number(text ?? -1)
    return value < 0 ? Number.POSITIVE_INFINITY : value
  }
  return limit(wanted) < limit(found)
}

function reasonOf(drift: boolean, isGrowing: boolean, found: TopicState): string {
  const grows = isGrowing ? 'keys go to other partitions from now on' : undefined
  const byEventTime =
    found.config['message.timestamp.type'] !== 'LogAppendTime' &&
    Number(found.config['retention.ms'] ?? -1) > 0 &&
    !found.config['cleanup.policy']?.includes('compact')
      ? 'its retention deletes history by event time as soon as it is filled in'
      : undefined
  const who = drift ? 'it was changed by hand' : 'the project says otherwise'
  return [who, grows, byEventTime].filter((one) => one !== undefined).join('; ')
}

function describe({ partitions, replication, config }: TopicState): string {
  const copies = replication === 1 ? '' : `, ${replication} copies`
  const kept = config['cleanup.policy']?.includes('compact')
    ? 'newest record of each key'
    : `kept ${retentionWords(config['retention.ms'] ?? null)}`
  return `new: ${partitions} partition${partitions === 1 ? '' : 's'}${copies}, ${kept}`
}

function retentionWords(text: string | null): string {
  const ms = Number(text ?? -1)
  return ms < 0 ? 'for ever' : formatDuration(ms)
}
