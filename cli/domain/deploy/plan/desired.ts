/**
 * What a project wants a cluster to have: topics, subjects, models and connectors, as data.
 * Retention, partitions and replication come from the target, versions of schemas from the kept
 * history.
 */
import type { Config } from '../../config/config.ts'
import { ENGINES } from '../../config/engines.ts'
import { addPrefix, type KafkaSettings, type Target } from '../../config/target.ts'
import {
  collectRequiredTopics,
  type DesiredConnector,
} from '../../connectors/desired-connectors.ts'
import { formatDuration } from '../../kernel/units.ts'
import type { Manifest } from '../../lake/manifest.ts'
import type { TopicState } from '../../log/topic-admin.ts'
import { DLQ_TOPIC, RAW_TOPIC, REPLAYS_TOPIC, subjectFor, VALID_TOPIC } from '../../log/topics.ts'
import type { GraphModel } from '../../models/graph.ts'
import type { Logic } from '../../models/logic.ts'
import type { Model } from '../../models/model.ts'
import type { TopicSchemas } from '../../schemas/history.ts'
import type { DeployedResource } from '../deployment.ts'
import { type SubjectContent, toResource } from './resource-content.ts'

/** A subject that the registry should have. */
export interface DesiredSubject extends SubjectContent {
  readonly name: string
}

/** All that a cluster should have. */
export interface DesiredState {
  readonly topics: readonly TopicState[]
  readonly subjects: readonly DesiredSubject[]
  readonly connectors: readonly DesiredConnector[]
  /** Resources of kind model, as they will be recorded; the first has the macros. */
  readonly models: readonly DeployedResource[]
  /** What may surprise although nothing is wrong: one sentence each. */
  readonly remarks: readonly string[]
}

/** For a target without servers, and for `ccs destroy`. */
export const NOTHING_DESIRED: DesiredState = {
  topics: [],
  subjects: [],
  connectors: [],
  models: [],
  remarks: [],
}

/** What the desired state is built from. */
export interface DesiredInput {
  readonly config: Config
  readonly target: Target
  readonly kafka: KafkaSettings
  readonly logic: Pick<Logic, 'graph' | 'macrosText'>
  readonly schemas: readonly TopicSchemas[]
  /** The connectors that the target's Connect should run. */
  readonly connectors: readonly DesiredConnector[]
}

/** Name of the macros' resource among the models; names of models have a layer before a dot. */
export const MACROS = 'macros'
/** The newest version can read all others, as `ccs schema check` requires. */
const COMPATIBILITY = 'BACKWARD_TRANSITIVE'
/** Bytes that a rejected record adds to the event: reason, message, places. */
const WRAPPING_BYTES = 64 * 1024
const WEEK_MS = 7 * 86_400_000

/** Builds the desired state of a cluster. */
export function buildDesiredState(input: DesiredInput): DesiredState {
  const { target, schemas, logic, connectors } = input
  const topics = listDesiredTopics(input)
  return {
    topics,
    subjects: listDesiredSubjects(target, schemas, topics),
    connectors,
    models: toModelResources(logic),
    remarks: [
      ...remarkOnRetention(input),
      ...remarkOnTopics(
        topics.map((one) => one.name),
        connectors,
      ),
    ],
  }
}

/** Records the models as a deployment stores them, macros first. */
export function toModelResources(
  logic: Pick<Logic, 'graph' | 'macrosText'>,
): readonly DeployedResource[] {
  return [
    toResource('model', MACROS, logic.macrosText),
    ...logic.graph.map(({ model, fingerprint }) =>
      toResource('model', model.name, model.text, { fingerprint }),
    ),
  ]
}

/** Reads the models of a deployment, in the form of the engine's manifest. */
export function readDeployedModels(resources: readonly DeployedResource[]): Manifest['models'] {
  return resources
    .filter(({ kind, name }) => kind === 'model' && name !== MACROS)
    .map(({ name, fingerprint, content }) => ({ name, fingerprint, text: content }))
}

/** Greatest size of a record of the replay ledger, which has thousands of rejects. */
const LEDGER_BYTES = 1024 * 1024

function listDesiredTopics(input: DesiredInput): readonly TopicState[] {
  const { target, kafka, config, logic, schemas, connectors } = input
  const { partitions, replication } = kafka
  const { recordBytesMax } = config.gate
  const flowing = (bytesMax: number) => ({
    'cleanup.policy': 'delete',
    'max.message.bytes': String(bytesMax),
    // By event time, retention would delete old events as soon as they are imported.
    'message.timestamp.type': 'LogAppendTime',
    'retention.ms': String(kafka.retentionMs),
  })
  const topic = (name: string, settings: TopicState['config']) => ({
    name: addPrefix(target, name),
    partitions,
    replication,
    config: settings,
  })
  return [
    // Twice the limit, so that the gate can report records that are too large.
    topic(RAW_TOPIC, flowing(2 * recordBytesMax)),
    topic(DLQ_TOPIC, flowing(2 * recordBytesMax + WRAPPING_BYTES)),
    // The gate gives its records the time at which events.raw got them.
    topic(VALID_TOPIC, {
      ...flowing(recordBytesMax + WRAPPING_BYTES),
      'message.timestamp.type': 'CreateTime',
    }),
    // The ledger of replays is kept as long as the rejects; its one partition keeps its order.
    { ...topic(REPLAYS_TOPIC, flowing(LEDGER_BYTES)), partitions: 1 },
    ...(ENGINES[target.engine].fillsGold ? [] : listGoldTopics(logic.graph, schemas)).map((name) =>
      topic(name, { 'cleanup.policy': 'compact' }),
    ),
    ...collectRequiredTopics(connectors).map(keepForAWeek),
  ]
}

/** Gold models with a schema, except views, whose rows are not stored. */
function listGoldTopics(
  graph: readonly GraphModel[],
  schemas: readonly TopicSchemas[],
): readonly string[] {
  const contracts = new Set(schemas.flatMap((one) => (one.current ? [one.topic] : [])))
  return graph
    .filter(({ model }) => model.layer === 'gold' && model.kind !== 'view')
    .map(({ model }) => model.name)
    .filter((name) => contracts.has(name))
    .sort()
}

function keepForAWeek(topic: TopicState): TopicState {
  const config = { 'cleanup.policy': 'delete', 'retention.ms': String(WEEK_MS), ...topic.config }
  return { ...topic, config }
}

function listDesiredSubjects(
  target: Target,
  schemas: readonly TopicSchemas[],
  topics: readonly TopicState[],
): readonly DesiredSubject[] {
  return topics.flatMap(({ name }) => {
    const topic = name.slice(target.prefix.length)
    // events.valid has the records of events.raw, byte by byte.
    const contract = topic === VALID_TOPIC ? RAW_TOPIC : topic
    const kept = schemas.find((one) => one.topic === contract)?.kept ?? []
    if (kept.length === 0) return []
    const versions = kept.map((one) => one.text)
    return [{ name: subjectFor(name), compatibility: COMPATIBILITY, versions }]
  })
}

/** Remarks on models that look back further than Kafka keeps records. */
function remarkOnRetention({ kafka, target, logic }: DesiredInput): readonly string[] {
  if (kafka.retentionMs < 0) return []
  const kept = formatDuration(kafka.retentionMs)
  return logic.graph.flatMap(({ model }) => {
    const back = computeLookBackMs(model)
    if (back <= kafka.retentionMs) return []
    return [
      `${addPrefix(target, RAW_TOPIC)} is kept for ${kept}, but ${model.name} looks back ` +
        `${formatDuration(back)}: an engine that was down for longer than ${kept} loses events, ` +
        `and a rebuild from the log gives other rows. ` +
        `Set kafka.retention to more than ${formatDuration(back)}.`,
    ]
  })
}

function computeLookBackMs({
  dedupe,
  window,
  session,
  latenessMs = 0,
  watermarkMs = 0,
}: Model): number {
  const windowMs = window === undefined ? 0 : window.unit === 'ms' ? window.sizeMs : 86_400_000
  const openMs = Math.max(windowMs, session ? session.capMs : 0)
  return Math.max(dedupe?.horizonMs ?? 0, openMs + latenessMs + watermarkMs)
}

/** Remarks on connectors that read a topic which nothing fills. */
function remarkOnTopics(
  topics: readonly string[],
  connectors: readonly DesiredConnector[],
): readonly string[] {
  const isFilled = (read: string, isPattern: boolean) =>
    isPattern ? matchesSome(read, topics) : topics.includes(read)
  return connectors.flatMap(({ name, topics: read, config }) =>
    read
      .filter((one) => !isFilled(one, config['topics.regex'] !== undefined))
      .map((one) => `Connector ${name} reads topic ${one}, which is not one of this project.`),
  )
}

/** Whether a Java pattern fits one of the names as a whole; true if only Java can read it. */
function matchesSome(pattern: string, names: readonly string[]): boolean {
  let whole: RegExp
  try {
    whole = new RegExp(`^(?:${pattern})$`)
  } catch {
    return true
  }
  return names.some((one) => whole.test(one))
}
