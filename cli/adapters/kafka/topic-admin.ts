/**
 * Topics of a cluster, by kafkajs. kafkajs has only Kafka's older request to alter settings, which
 * resets every setting that it doesn't name, so all of a topic's settings are sent each time.
 */
import type { TopicAdmin, TopicState } from '../../domain/log/topic-admin.ts'
import type { TopicProgress } from '../../domain/log/topic-progress.ts'
import { sleep } from '../process/system-clock.ts'
import type { Admin, KafkaConnection } from './connection.ts'
import { toKafkaFault } from './fault.ts'
import { readCommittedOffsets } from './gate-lag.ts'
import { createTopics, describeTopics, SET_ON_TOPIC, TOPIC_RESOURCE } from './topics.ts'

/** Number of the resource type "broker" in Kafka's protocol; kafkajs exports it as a type only. */
const BROKER_RESOURCE = 4
const GONE_MS = 15_000
const POLL_MS = 50

const ABOUT_BROKER = [
  'auto.create.topics.enable',
  'default.replication.factor',
  'message.max.bytes',
  'min.insync.replicas',
  'transaction.max.timeout.ms',
]

/** Closing it closes `kafka`. */
export function openTopicAdmin(kafka: KafkaConnection): TopicAdmin {
  const asked = async <T>(ask: (admin: Admin) => Promise<T>, topic?: string): Promise<T> => {
    try {
      return await ask(await kafka.admin())
    } catch (error) {
      throw toKafkaFault(error, kafka.brokers, topic === undefined ? {} : { topic })
    }
  }
  return {
    topics: (names) => asked((admin) => readTopicStates(admin, names)),
    create: async (topics) => {
      if (topics.length === 0) return
      const named = topics.length === 1 ? topics[0]?.name : undefined
      await asked((admin) => createTopics(admin, topics), named)
    },
    configure: (name, config) => asked((admin) => configure(admin, name, config), name),
    addPartitions: (name, total) =>
      asked(async (admin) => {
        await admin.createPartitions({ topicPartitions: [{ topic: name, count: total }] })
      }, name),
    names: () => asked((admin) => admin.listTopics()),
    progress: (name, group) => asked((admin) => readProgress(admin, name, group), name),
    remove: (names) => asked((admin) => removeTopics(admin, names)),
    about: () => asked(readAbout),
    close: () => kafka.close(),
  }
}

async function readTopicStates(
  admin: Admin,
  names: readonly string[] | undefined,
): Promise<readonly TopicState[]> {
  const wanted = names && new Set(names)
  const there = (await admin.listTopics())
    // Kafka's own topics: __consumer_offsets, __transaction_state, __share_group_state.
    .filter((name) => !name.startsWith('__') && (wanted?.has(name) ?? true))
    .sort()
  if (there.length === 0) return []
  const [{ topics }, configs] = await Promise.all([
    admin.fetchTopicMetadata({ topics: there }),
    readSettings(admin, there),
  ])
  return topics
    .map(({ name, partitions }) => ({
      name,
      partitions: partitions.length,
      replication: partitions[0]?.replicas.length ?? 0,
      config: configs.get(name) ?? {},
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The settings that each topic overrides. */
async function readSettings(
  admin: Admin,
  names: readonly string[],
): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
  const found = await describeTopics(admin, names)
  return new Map(
    [...found].map(([name, settings]) => [
      name,
      Object.fromEntries(
        settings
          .filter((one) => one.source === SET_ON_TOPIC)
          .map((one) => [one.key, one.value] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
    ]),
  )
}

async function configure(
  admin: Admin,
  name: string,
  config: Readonly<Record<string, string | null>>,
): Promise<void> {
  const settings: Record<string, string | null> = {
    ...(await readSettings(admin, [name])).get(name),
    ...config,
  }
  const configEntries = Object.entries(settings).flatMap(([key, value]) =>
    value === null ? [] : [{ name: key, value }],
  )
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: TOPIC_RESOURCE, name, configEntries }],
  })
}

async function readProgress(
  admin: Admin,
  name: string,
  group: string,
): Promise<readonly TopicProgress[]> {
  if (!(await admin.listTopics()).includes(name)) return []
  const [ranges, committed] = await Promise.all([
    admin.fetchTopicOffsets(name),
    readCommittedOffsets(admin, group, name),
  ])
  return ranges.map(({ partition, low, high }) => ({
    partition,
    start: Number(low),
    end: Number(high),
    committed: committed.get(partition) ?? null,
  }))
}

/** Waits until the topics are gone: Kafka answers before, and rejects a new one of that name. */
async function removeTopics(admin: Admin, names: readonly string[]): Promise<void> {
  const there = new Set(await admin.listTopics())
  const topics = names.filter((name) => there.has(name))
  if (topics.length === 0) return
  await admin.deleteTopics({ topics })
  for (let waitedMs = 0; waitedMs < GONE_MS; waitedMs += POLL_MS) {
    const left = new Set(await admin.listTopics())
    if (!topics.some((name) => left.has(name))) return
    await sleep(POLL_MS)
  }
  throw new Error(`still there ${GONE_MS / 1000} s after they were deleted: ${topics.join(', ')}`)
}

async function readAbout(admin: Admin): Promise<Readonly<Record<string, string>>> {
  const { brokers, clusterId, controller } = await admin.describeCluster()
  const asked = controller ?? brokers[0]?.nodeId ?? 0
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: BROKER_RESOURCE, name: String(asked), configNames: ABOUT_BROKER }],
  })
  return {
    brokers: brokers.map(({ host, port }) => `${host}:${port}`).join(','),
    cluster: clusterId,
    controller: String(controller ?? 'none'),
    ...Object.fromEntries(
      (resources[0]?.configEntries ?? []).map((one) => [one.configName, one.configValue]),
    ),
  }
}
