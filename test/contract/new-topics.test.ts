/** A broker that is busy answers a create request before it knows the new topic itself. */
import { expect, test } from 'vitest'
import type { Admin } from '../../cli/adapters/kafka/connection.ts'
import { createTopics } from '../../cli/adapters/kafka/topics.ts'

const TOPIC = { name: 'gold.sessions', partitions: 1, replication: 1, config: {} }

/** An admin client whose broker doesn't know the topic for the first `unknown` questions about it. */
function busyBroker(unknown: number, type = 'UNKNOWN_TOPIC_OR_PARTITION') {
  let asked = 0
  const answer = async () => {
    asked++
    if (asked <= unknown) throw Object.assign(new Error('not yet'), { type })
    return { topics: [], resources: [] }
  }
  const admin = {
    // With waitForLeaders, kafkajs itself asks once and ends with the broker's error.
    createTopics: async ({ waitForLeaders = true }) => {
      if (waitForLeaders) await answer()
      return true
    },
    fetchTopicMetadata: answer,
    describeConfigs: answer,
  } as unknown as Admin
  return { admin, asked: () => asked }
}

test('creating a topic waits until the broker knows it', async () => {
  const { admin, asked } = busyBroker(3)
  expect(await createTopics(admin, [TOPIC])).toBe(true)
  // Three answers "unknown", then its metadata and its settings.
  expect(asked()).toBe(5)
})

test('an error that waiting does not cure ends the creation at once', async () => {
  const { admin, asked } = busyBroker(1, 'TOPIC_AUTHORIZATION_FAILED')
  await expect(createTopics(admin, [TOPIC])).rejects.toMatchObject({
    type: 'TOPIC_AUTHORIZATION_FAILED',
  })
  expect(asked()).toBe(1)
})
