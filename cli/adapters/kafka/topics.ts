/** Topics as kafkajs creates and describes them, with what kafkajs leaves to its callers. */
import type { TopicState } from '../../domain/log/topic-admin.ts'
import { sleep } from '../process/system-clock.ts'
import type { Admin } from './connection.ts'

/** A setting as the broker reports it; `source` is the protocol's number, as in SET_ON_TOPIC. */
export interface TopicSetting {
  readonly key: string
  readonly value: string
  readonly source: number
}

/** Number of the resource type "topic" in Kafka's protocol; kafkajs exports it as a type only. */
export const TOPIC_RESOURCE = 2
/** The protocol's number of a setting that was set on the topic itself. */
export const SET_ON_TOPIC = 1

const KNOWN_MS = 15_000
const POLL_MS = 50
/** A broker answers a create request before it and the other brokers know the new topic. */
const NOT_YET = /^(UNKNOWN_TOPIC_OR_PARTITION|LEADER_NOT_AVAILABLE)$/

/**
 * Creates the topics and waits until the cluster knows them and each partition has a leader: for at
 * most 15 s, then throws kafkajs's last error. False if all of them existed before. (kafkajs's own
 * wait ends with an error when the broker doesn't know the topic yet, which a busy one does not.)
 */
export async function createTopics(admin: Admin, topics: readonly TopicState[]): Promise<boolean> {
  const isNew = await admin.createTopics({
    waitForLeaders: false,
    topics: topics.map(({ name, partitions, replication, config }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor: replication,
      configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
    })),
  })
  const names = topics.map((one) => one.name)
  await retryUntilKnown(async () => {
    await admin.fetchTopicMetadata({ topics: names })
    await admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: TOPIC_RESOURCE, name })),
    })
  })
  return isNew
}

/** Settings of each topic, all or those of `keys`. Throws kafkajs's error for a missing topic. */
export async function describeTopics(
  admin: Admin,
  names: readonly string[],
  keys?: readonly string[],
): Promise<ReadonlyMap<string, readonly TopicSetting[]>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({
      type: TOPIC_RESOURCE,
      name,
      ...(keys ? { configNames: [...keys] } : {}),
    })),
  })
  return new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      configEntries.map((one) => ({
        key: one.configName,
        value: one.configValue,
        // kafkajs's type says string; the value is the protocol's number.
        source: Number(one.configSource),
      })),
    ]),
  )
}

async function retryUntilKnown(ask: () => Promise<void>): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS)
    try {
      return await ask()
    } catch (error) {
      const isPassing = NOT_YET.test((error as { type?: string }).type ?? '')
      if (!isPassing || waitedMs >= KNOWN_MS) throw error
      await sleep(POLL_MS)
    }
}
