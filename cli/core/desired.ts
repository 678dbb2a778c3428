/**
 * What a project wants of a cluster: its topics, subjects, models and connectors, as data. Retention, partitions and
 * replication come from the target, versions of schemas from the kept history.
 */
import type { Config } from './config.ts'
import type { DeployedResource } from './deployment.ts'
import type { GraphModel } from './graph.ts'
import type { Manifest } from './manifest.ts'
import type { Model } from './model.ts'
import type { Desired } from './plan.ts'
import type { TopicState } from './ports.ts'
import { resource, type SubjectContent } from './resource-content.ts'
import type { TopicSchemas } from './schema-history.ts'
import { type KafkaSettings, prefixed, type Target } from './target.ts'
import { formatDuration } from './units.ts'

export interface DesiredSubject extends SubjectContent {
  readonly name: string
}

export interface DesiredConnector {
  /** With the target's prefix. */
  readonly name: string
  /** Secrets filled in: never to be printed or kept. */
  readonly config: Readonly<Record<string, string>>
  /** JSON of the same config with `${VAR}` where it was written so. */
  readonly stored: string
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

export interface DesiredInput {
  readonly config: Config
  readonly target: Target
  readonly kafka: KafkaSettings
  readonly logic: Desired & { readonly macrosSql: string }
  readonly schemas: readonly TopicSchemas[]
  /** Undefined where the target has no Connect: its connectors are nobody's. */
  readonly connectors: readonly DesiredConnector[] | undefined
}

export const MANIFEST_TOPIC = '_ccs.manifest'
/** Name of the macros among the models: no model is called so, a model has a layer. */
export const MACROS = 'macros'
/** Any version can be read by the newest, which is what `ccs schema check` holds to. */
const COMPATIBILITY = 'BACKWARD_TRANSITIVE'
/** What a record of a rejected event has beside the event: reason, words, places. */
const WRAPPING_BYTES = 64 * 1024
const MANIFEST_BYTES_MAX = 16 * 1024 * 1024
const WEEK_MS = 7 * 86_400_000

export function desiredState(input: DesiredInput): DesiredState {
  const { target, schemas, logic, connectors = [] } = input
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
  logic: Pick<Desired, 'graph'> & { readonly macrosSql: string },
): readonly DeployedResource[] {
  return [
    resource('model', MACROS, logic.macrosSql),
    ...logic.graph.map(({ model, fingerprint }) =>
      resource('model', model.name, model.text, { fingerprint }),
    ),
  ]
}

/** What the engine's manifest would hold of models that a deployment kept. */
export function modelsOf(resources: readonly DeployedResource[]): Manifest['models'] {
  return resources
    .filter(({ kind, name }) => kind === 'model' && name !== MACROS)
    .map(({ name, fingerprint, content }) => ({ name, fingerprint, text: content }))
}

function desiredTopics(input: DesiredInput): readonly TopicState[] {
  const { target, kafka, config, logic, schemas, connectors = [] } = input
  const { partitions, replication } = kafka
  const { recordBytesMax } = config.gate
  const flowing = (bytesMax: number) => ({
    'cleanup.policy': 'delete',
    'max.message.bytes': String(bytesMax),
    // By event time, retention would delete history as soon as it is filled in.
    'message.timestamp.type': 'LogAppendTime',
    'retention.ms': String(kafka.retentionMs),
  })
  const topic = (name: string, settings: TopicState['config'], count = partitions) => ({
    name,
    partitions: count,
    replication,
    config: settings,
  })
  const named = (name: string) => prefixed(target, name)
  const control = new Set(connectors.flatMap((one) => controlTopic(one) ?? []))
  return [
    topic(
      named(MANIFEST_TOPIC),
      { 'cleanup.policy': 'compact', 'max.message.bytes': String(MANIFEST_BYTES_MAX) },
      1,
    ),
    // Twice the limit: what is too large for the gate is to arrive there, and to be told.
    topic(named('events.raw'), flowing(2 * recordBytesMax)),
    topic(named('events.dlq'), flowing(2 * recordBytesMax + WRAPPING_BYTES)),
    topic(named('events.valid'), flowing(recordBytesMax + WRAPPING_BYTES)),
    ...goldTopics(logic.graph, schemas).map((name) =>
      topic(named(name), { 'cleanup.policy': 'compact' }),
    ),
    ...[...control].map((name) =>
      topic(name, { 'cleanup.policy': 'delete', 'retention.ms': String(WEEK_MS) }, 1),
    ),
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

function controlTopic({ config }: DesiredConnector): string | undefined {
  const isIceberg = config['connector.class']?.includes('iceberg')
  return config['iceberg.control.topic'] ?? (isIceberg ? 'control-iceberg' : undefined)
}

function desiredSubjects(
  target: Target,
  schemas: readonly TopicSchemas[],
  topics: readonly TopicState[],
): readonly DesiredSubject[] {
  return topics.flatMap(({ name }) => {
    const topic = name.slice(target.prefix.length)
    // What the gate lets through are the records of events.raw, byte by byte.
    const contract = topic === 'events.valid' ? 'events.raw' : topic
    const kept = schemas.find((one) => one.topic === contract)?.kept ?? []
    if (kept.length === 0) return []
    const versions = kept.map((one) => one.text)
    return [{ name: `${name}-value`, compatibility: COMPATIBILITY, versions }]
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
      `${prefixed(target, 'events.raw')} is kept for ${kept}, but ${model.name} looks back ` +
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
  return connectors.flatMap(({ name, config }) =>
    (config.topics ?? '')
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '' && !topics.includes(one))
      .map((one) => `Connector ${name} reads topic ${one}, which is not one of this project.`),
  )
}
