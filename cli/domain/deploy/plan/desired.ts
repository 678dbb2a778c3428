/**
 * What a project wants of a cluster: its topics, subjects, models and connectors, as data. Retention, partitions and
 * replication come from the target, versions of schemas from the kept history.
 */
import type { Config } from '../../config/config.ts'
import { ENGINES } from '../../config/engines.ts'
import { type KafkaSettings, prefixed, type Target } from '../../config/target.ts'
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
import { resource, type SubjectContent } from './resource-content.ts'

export interface DesiredSubject extends SubjectContent {
  readonly name: string
}

export interface DesiredState {
  readonly topics: readonly TopicState[]
  readonly subjects: readonly DesiredSubject[]
  readonly connectors: readonly DesiredConnector[]
  /** Of kind model, as they will be kept; they begin with the macros that all models may use. */
  readonly models: readonly DeployedResource[]
  /** What is not wrong, but may surprise: one sentence each. */
  readonly remarks: readonly string[]
}

/** Nothing at all: of a target without servers, and of a project that is destroyed. */
export const NOTHING_DESIRED: DesiredState = {
  topics: [],
  subjects: [],
  connectors: [],
  models: [],
  remarks: [],
}

export interface DesiredInput {
  readonly config: Config
  readonly target: Target
  readonly kafka: KafkaSettings
  readonly logic: Pick<Logic, 'graph' | 'macrosText'>
  readonly schemas: readonly TopicSchemas[]
  /** Those that the target's Connect is to run. */
  readonly connectors: readonly DesiredConnector[]
}

/** Name of the macros among the models: no model is called so, a model has a layer. */
export const MACROS = 'macros'
/** Any version can be read by the newest, which is what `ccs schema check` holds to. */
const COMPATIBILITY = 'BACKWARD_TRANSITIVE'
/** What a record of a rejected event has beside the event: reason, words, places. */
const WRAPPING_BYTES = 64 * 1024
const WEEK_MS = 7 * 86_400_000

export function desiredState(input: DesiredInput): DesiredState {
  const { target, schemas, logic, connectors } = input
  const topics = desiredTopics(input)
  return {
    topics,
    subjects: desiredSubjects(target, schemas, topics),
    connectors,
    models: modelResources(logic),
    remarks: [
      ...retentionRemarks(input),
      ...topicRemarks(
        topics.map((one) => one.name),
        connectors,
      ),
    ],
  }
}

/** The models as a deployment keeps them, macros first. */
export function modelResources(
  logic: Pick<Logic, 'graph' | 'macrosText'>,
): readonly DeployedResource[] {
  return [
    resource('model', MACROS, logic.macrosText),
    ...logic.graph.map(({ model, fingerprint }) =>
      resource('model', model.name, model.text, { fingerprint }),
    ),
  ]
}

/** What the engine's manifest would hold of models that a deployment kept. */
export function deployedModels(resources: readonly DeployedResource[]): Manifest['models'] {
  return resources
    .filter(({ kind, name }) => kind === 'model' && name !== MACROS)
    .map(({ name, fingerprint, content }) => ({ name, fingerprint, text: content }))
}

/** Most bytes of a record of the ledger: thousands of rejects each. */
const LEDGER_BYTES = 1024 * 1024

function desiredTopics(input: DesiredInput): readonly TopicState[] {
  const { target, kafka, config, logic, schemas, connectors } = input
  const { partitions, replication } = kafka
  const { recordBytesMax } = config.gate
  const flowing = (bytesMax: number) => ({
    'cleanup.policy': 'delete',
    'max.message.bytes': String(bytesMax),
    // By event time, retention would delete history as soon as it is filled in.
    'message.timestamp.type': 'LogAppendTime',
    'retention.ms': String(kafka.retentionMs),
  })
  const topic = (name: string, settings: TopicState['config']) => ({
    name: prefixed(target, name),
    partitions,
    replication,
    config: settings,
  })
  return [
    // Twice the limit: what is too large for the gate is to arrive there, and to be told.
    topic(RAW_TOPIC, flowing(2 * recordBytesMax)),
    topic(DLQ_TOPIC, flowing(2 * recordBytesMax + WRAPPING_BYTES)),
    topic(VALID_TOPIC, flowing(recordBytesMax + WRAPPING_BYTES)),
    // The ledger of replays: kept as long as the rejects that it is about, in one order.
    { ...topic(REPLAYS_TOPIC, flowing(LEDGER_BYTES)), partitions: 1 },
    ...(ENGINES[target.engine].fillsGold ? [] : goldTopics(logic.graph, schemas)).map((name) =>
      topic(name, { 'cleanup.policy': 'compact' }),
    ),
    ...collectRequiredTopics(connectors).map(keptForAWeek),
  ]
}

/** Gold that is stored by key and has a contract: views are asked, not stored. */
function goldTopics(
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

function keptForAWeek(topic: TopicState): TopicState {
  const config = { 'cleanup.policy': 'delete', 'retention.ms': String(WEEK_MS), ...topic.config }
  return { ...topic, config }
}

function desiredSubjects(
  target: Target,
  schemas: readonly TopicSchemas[],
  topics: readonly TopicState[],
): readonly DesiredSubject[] {
  return topics.flatMap(({ name }) => {
    const topic = name.slice(target.prefix.length)
    // What the gate lets through are the records of events.raw, byte by byte.
    const contract = topic === VALID_TOPIC ? RAW_TOPIC : topic
    const kept = schemas.find((one) => one.topic === contract)?.kept ?? []
    if (kept.length === 0) return []
    const versions = kept.map((one) => one.text)
    return [{ name: subjectFor(name), compatibility: COMPATIBILITY, versions }]
  })
}

/** Where what Kafka keeps is shorter than what a model looks back on. */
function retentionRemarks({ kafka, target, logic }: DesiredInput): readonly string[] {
  if (kafka.retentionMs < 0) return []
  const kept = formatDuration(kafka.retentionMs)
  return logic.graph.flatMap(({ model }) => {
    const back = lookBackMs(model)
    if (back <= kafka.retentionMs) return []
    return [
      `${prefixed(target, RAW_TOPIC)} is kept for ${kept}, but ${model.name} looks back ` +
        `${formatDuration(back)}: an engine that was down for longer than ${kept} loses events, and ` +
        `what is made anew from the log differs. Set kafka.retention to more than that.`,
    ]
  })
}

function lookBackMs({ dedupe, window, session, latenessMs = 0, watermarkMs = 0 }: Model): number {
  const windowMs = window === undefined ? 0 : window.unit === 'ms' ? window.sizeMs : 86_400_000
  const openMs = Math.max(windowMs, session ? session.capMs : 0)
  return Math.max(dedupe?.horizonMs ?? 0, openMs + latenessMs + watermarkMs)
}

/** Where a sink waits for a topic that nobody fills. */
function topicRemarks(
  topics: readonly string[],
  connectors: readonly DesiredConnector[],
): readonly string[] {
  return connectors.flatMap(({ name, topics: read }) =>
    read
      .filter((one) => !topics.includes(one))
      .map((one) => `Connector ${name} reads topic ${one}, which is not one of this project.`),
  )
}
