/**
 * Plans topics. Settings are changed to what the project says. In an adopted topic, partitions,
 * replication and settings that the project does not name stay as they are.
 */
import { formatDuration } from '../../kernel/units.ts'
import type { TopicState } from '../../log/topic-admin.ts'
import { printTopic, readTopic, type TopicContent, toResource } from './resource-content.ts'
import {
  type KnownResource,
  type PlanContext,
  type PlannedResource,
  planResource,
  type ResourceRules,
  type ResourceViews,
} from './resource-plan.ts'
import { compareSettings, type Difference, isDrift, makeStep, type Operation } from './step.ts'

/** Settings that Kafka's own tools, or the cluster's owner for all topics, have set. */
const NOT_OURS = /\.replication\.throttled\.replicas$|^confluent\./

const RULES: ResourceRules<TopicState, TopicState> = {
  kind: 'topic',
  removalDestroys: 'its records',
  removal: (name) => ({ op: 'remove topic', name }),
  add: (wanted, isLost) => ({
    step: makeStep({
      action: 'add',
      kind: 'topic',
      name: wanted.name,
      reason: isLost ? 'it was deleted by hand; its records are gone' : describe(wanted),
      drift: isLost,
      after: printTopic(wanted),
      operations: [{ op: 'create topic', topic: wanted }],
    }),
    after: toResource('topic', wanted.name, printTopic(wanted)),
  }),
  compare: (found, wanted) => compareTopics(keepOwnSettings(found), wanted, undefined),
  change: planKnownTopic,
}

/** Plans one topic; CCS_MANIFEST_INVALID if its record can't be read. */
export function planTopic(views: ResourceViews<TopicState, TopicState>): PlannedResource {
  return planResource(views, RULES)
}

function planKnownTopic(known: KnownResource<TopicState, TopicState>): PlannedResource {
  const { name, wanted, deployed, context } = known
  const found = keepOwnSettings(known.found)
  const record = readTopic(deployed)
  if (!deployed.adopted) return planChange(found, wanted, { record, adopted: false, context })
  // In an adopted topic, what Kafka can't undo and settings that nobody names stay.
  const goal: TopicState = {
    name,
    partitions: Math.max(record.partitions, wanted.partitions),
    replication: record.replication,
    config: { ...pickOwnSettings(record.config), ...wanted.config },
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
  const after = toResource('topic', name, printTopic(goal), { adopted })
  const differences = compareTopics(found, goal, context.isComplete ? record : undefined)
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
    reason: explain(drift, isGrowing, { found, goal }),
    drift,
    differences,
    ...(destroys === undefined ? {} : { destroys }),
    ...(refused === undefined ? {} : { refused }),
    before: printTopic(found),
    after: printTopic(goal),
    operations,
  })
  return { step, after }
}

const FIXED = new Set(['partitions', 'replication'])

function compareTopics(
  found: TopicContent,
  wanted: TopicContent,
  deployed: TopicContent | undefined,
): readonly Difference[] {
  return compareSettings(flatten(found), flatten(wanted), deployed && flatten(deployed))
}

function keepOwnSettings(topic: TopicState): TopicState {
  return { ...topic, config: pickOwnSettings(topic.config) }
}

function flatten({
  partitions,
  replication,
  config,
}: TopicContent): Readonly<Record<string, string>> {
  return {
    ...pickOwnSettings(config),
    partitions: String(partitions),
    replication: String(replication),
  }
}

function pickOwnSettings(config: TopicState['config']): Readonly<Record<string, string>> {
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
    return `Kafka can't remove partitions (it has ${found.partitions}); ${keep}`
  if (found.replication !== goal.replication)
    return `ccs can't change the replication (it has ${found.replication}); ${keep}`
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

/** An unset limit counts as none, as one below zero does: the broker's default is not known. */
function isShorter(wanted: string | null, found: string | null): boolean {
  const limit = (text: string | null) => {
    const value = Number(text ?? -1)
    return value < 0 ? Number.POSITIVE_INFINITY : value
  }
  return limit(wanted) < limit(found)
}

function explain(
  drift: boolean,
  isGrowing: boolean,
  { found, goal }: { readonly found: TopicState; readonly goal: TopicState },
): string {
  const grows = isGrowing ? 'keys go to other partitions from now on' : undefined
  const byEventTime =
    goal.config['message.timestamp.type'] === 'LogAppendTime' &&
    found.config['message.timestamp.type'] !== 'LogAppendTime' &&
    Number(found.config['retention.ms'] ?? -1) > 0 &&
    !found.config['cleanup.policy']?.includes('compact')
      ? 'its retention, by event time, deletes old events as soon as they are imported'
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
