/**
 * Plans topics. Settings become what the project says; what Kafka can't undo (partitions,
 * replication) and settings that the project doesn't name stay as they were adopted.
 */
import { formatDuration } from '../../kernel/units.ts'
import type { TopicState } from '../../log/topic-admin.ts'
import { readTopicText, resource, type TopicContent, topicText } from './resource-content.ts'
import {
  type KnownResource,
  type PlanContext,
  type PlannedResource,
  planResource,
  type ResourceRules,
  type ResourceViews,
} from './resource-plan.ts'
import { compareSettings, type Difference, isDrift, makeStep, type Operation } from './step.ts'

/** Set by Kafka's own tools, or by the cluster's owner for all topics. */
const NOT_OURS = /\.replication\.throttled\.replicas$|^confluent\./

const RULES: ResourceRules<TopicState, TopicState> = {
  kind: 'topic',
  removalDestroys: 'its records',
  removal: (name) => ({ op: 'remove topic', name }),
  describe,
  afterLoss: '; its records are gone',
  format: topicText,
  create: (topic) => [{ op: 'create topic', topic }],
  record: (wanted) => resource('topic', wanted.name, topicText(wanted)),
  compare: (found, wanted) => topicDifferences(withOwnSettings(found), wanted, undefined),
  change: planKnownTopic,
}

/** Plans one topic; CCS_MANIFEST_INVALID if its record can't be read. */
export function planTopic(views: ResourceViews<TopicState, TopicState>): PlannedResource {
  return planResource(views, RULES)
}

function planKnownTopic(known: KnownResource<TopicState, TopicState>): PlannedResource {
  const { name, wanted, deployed, context } = known
  const found = withOwnSettings(known.found)
  const record = readTopicText(deployed)
  if (!deployed.adopted) return planChange(found, wanted, { record, adopted: false, context })
  // Adopting keeps what Kafka can't undo, and settings that the project doesn't name.
  const goal: TopicState = {
    name,
    partitions: Math.max(record.partitions, wanted.partitions),
    replication: record.replication,
    config: { ...ownSettings(record.config), ...wanted.config },
  }
  return planChange(found, goal, { record, adopted: true, context })
}

interface Recorded {
  readonly record: TopicContent
  readonly adopted: boolean
  readonly context: PlanContext
}

function planChange(found: TopicState, goal: TopicState, recorded: Recorded): PlannedResource {
  const { record, adopted, context } = recorded
  const { name } = found
  const after = resource('topic', name, topicText(goal), { adopted })
  const differences = topicDifferences(found, goal, context.isComplete ? record : undefined)
  if (differences.length === 0) return { after }
  const config = Object.fromEntries(
    differences.filter(({ key }) => !FIXED.has(key)).map(({ key, wanted }) => [key, wanted]),
  )
  const isGrowing = goal.partitions > found.partitions
  const operations: Operation[] = [
    ...(isGrowing ? [{ op: 'add partitions', name, total: goal.partitions } as const] : []),
    ...(Object.keys(config).length > 0 ? [{ op: 'configure topic', name, config } as const] : []),
  ]
  const refused = explainRefusal(found, goal, context.target)
  const destroys = findLoss(differences)
  const isKeyed = goal.config['cleanup.policy']?.includes('compact') ?? false
  const drift = differences.some(isDrift)
  const step = makeStep({
    action: 'change',
    kind: 'topic',
    name,
    category: destroys !== undefined || (isGrowing && isKeyed) ? 'breaking' : 'forward-only',
    reason: explain(drift, isGrowing, found),
    drift,
    differences,
    ...(destroys === undefined ? {} : { destroys }),
    ...(refused === undefined ? {} : { refused }),
    before: topicText(found),
    after: topicText(goal),
    operations,
  })
  return { step, after }
}

const FIXED = new Set(['partitions', 'replication'])

function topicDifferences(
  found: TopicContent,
  wanted: TopicContent,
  deployed: TopicContent | undefined,
): readonly Difference[] {
  return compareSettings(flatten(found), flatten(wanted), deployed && flatten(deployed))
}

function withOwnSettings(topic: TopicState): TopicState {
  return { ...topic, config: ownSettings(topic.config) }
}

function flatten({
  partitions,
  replication,
  config,
}: TopicContent): Readonly<Record<string, string>> {
  return {
    ...ownSettings(config),
    partitions: String(partitions),
    replication: String(replication),
  }
}

function ownSettings(config: TopicState['config']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => !NOT_OURS.test(key))
      .map(([key, value]) => [key, key === 'cleanup.policy' ? sortList(value) : value]),
  )
}

/** `compact, delete` becomes `delete,compact`. */
function sortList(list: string): string {
  return list
    .split(',')
    .map((one) => one.trim())
    .sort()
    .join(',')
}

/** Why Kafka or ccs can't make the change; undefined: it can. */
function explainRefusal(found: TopicState, goal: TopicState, target: string): string | undefined {
  const keep = `keep it as it is: ccs adopt topic ${found.name} --target ${target}`
  if (found.partitions > goal.partitions)
    return `Kafka can't take partitions away (it has ${found.partitions}); ${keep}`
  if (found.replication !== goal.replication)
    return `ccs does not move replicas (it has ${found.replication}); ${keep}`
  return undefined
}

/** What a change of settings deletes; undefined: nothing. */
function findLoss(differences: readonly Difference[]): string | undefined {
  for (const { key, found, wanted } of differences) {
    if (key === 'retention.ms' && isShorter(wanted, found))
      return `records older than ${formatRetention(wanted)}`
    if (key === 'retention.bytes' && isShorter(wanted, found)) return 'its oldest records'
    if (key === 'cleanup.policy' && wanted !== null && !found?.includes('delete')) {
      if (wanted.includes('delete')) return 'records older than its retention'
    }
    if (key === 'cleanup.policy' && wanted?.includes('compact') && !found?.includes('compact'))
      return 'all but the newest record of each key'
  }
  return undefined
}

/** Not set counts as unlimited, as below zero does: the broker's own default is not known. */
function isShorter(wanted: string | null, found: string | null): boolean {
  const limit = (text: string | null) => {
    const value = Number(text ?? -1)
    return value < 0 ? Number.POSITIVE_INFINITY : value
  }
  return limit(wanted) < limit(found)
}

function explain(drift: boolean, isGrowing: boolean, found: TopicState): string {
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
    : `kept ${formatRetention(config['retention.ms'] ?? null)}`
  return `new: ${partitions} partition${partitions === 1 ? '' : 's'}${copies}, ${kept}`
}

function formatRetention(text: string | null): string {
  const ms = Number(text ?? -1)
  return ms < 0 ? 'for ever' : formatDuration(ms)
}
